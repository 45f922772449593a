"""What people type finds what is meant, in any script."""

import pytest

from wire.search_key import fold


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("lodz smorrebrod", "Łódź Smørrebrød"),
        ("tims", "Tim’s"),
        ("Tim's", "Tim’s"),
        ("t-shirt", "T\u2011Shirt"),
        ("tshirt", "T-Shirt"),
        ("cafe noir", "Café  Noir"),
        ("STRASSE", "Straße"),
        ("aero", "Ærø"),
        ("istanbul", "İSTANBUL"),
        ("isik", "ışık"),
        ("duc", "Đức"),
        ("カギ", "ｶｷﾞ"),
        ("かぎ", "カギ"),
        ("елка", "Ёлка"),
        ("αθηνα", "Ἀθήνα"),
        ("σοφος", "ΣΟΦΌΣ"),
        ("قهوه", "قَهْوَة"),
        ("چای", "چاي"),
        ("שלום", "שָׁלוֹם"),
        ("123", "١٢٣"),
        ("abc 1", "ＡＢＣ　１"),
        ("colleccio", "col·lecció"),
        ("h", "\N{SCRIPT CAPITAL H}"),
        ("green tea", "«Green» “tea”"),
        ("cooperate", "co\u00adoperate"),
        ("5〜10", "5～10"),
        ("1/2", "½"),
        ("خانه", "خانۀ"),
        ("יידיש", "ײדיש"),
    ],
)
def test_two_ways_to_write_a_word_are_searched_alike(typed, name):
    assert fold(typed) == fold(name) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("かき", "かぎ"),
        ("はは", "ぱぱ"),
        ("чай", "чаи"),
        ("茶", "查"),
        ("น้ำ", "นำ"),
        ("दिन", "दन"),
        ("가", "각"),
        ("c", "c++"),
    ],
)
def test_letters_are_no_accents(one, other):
    assert fold(one) != fold(other)


@pytest.mark.parametrize("typed", ["", " ", "-", "’’", "\u200b", "\u0301", "· –"])
def test_there_may_be_nothing_to_search_for(typed):
    assert fold(typed) == ""


def test_a_syllable_is_one_letter():
    assert len(fold("한국어" * 50)) == 150
