"""Each kind of text has one normal form, which is the same however a text is written."""

import time
from contextlib import suppress
from uuid import UUID

import pytest

from wire import text
from wire.text import TextRefused


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        (" Green\u00a0 tea\t", "Green tea"),
        ("Cafe\u0301", "Café"),
        ("Soft\u00adhy\u200bphen\ufeff", "Softhyphen"),
        ("\u202eevil\u202c \u2066x\u2069", "evil x"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("a\u200cb", "ab"),
        ("क्\u200dष", "क्\u200dष"),
        ("👩\u200d👧 ❤\ufe0f 👍🏽", "👩\u200d👧 ❤\ufe0f 👍🏽"),
        ("❤\ufe0f\u200d🔥", "❤\ufe0f\u200d🔥"),
        ("葛\U000e0100", "葛\U000e0100"),
        ("🏴\U000e0067\U000e0062\U000e007f", "🏴\U000e0067\U000e0062\U000e007f"),
        ("\u200b\u2060\u3164 \u2800\ufe0f", ""),
        ("\u0301", ""),
        ("two\nlines", "two lines"),
    ],
)
def test_a_line_keeps_what_is_seen(typed, stored):
    assert text.line(typed) == stored


@pytest.mark.parametrize("typed", ["a\0", "a\x1bb", "a\x85b\x9f", "\ud800", "a\ufffe", "a\U0010ffff", "\ue000"])
def test_controls_and_what_is_no_character_are_refused(typed):
    for normal_form in (text.line, text.lines, text.identifier):
        with pytest.raises(TextRefused):
            normal_form(typed)


MARKS = "\u0301\u0323"


@pytest.mark.parametrize("typed", ["a" + MARKS * 16, "a" + "\u0344" * 16, "a" + f"{MARKS}\u200b" * 16])
def test_a_letter_has_no_more_marks_than_any_language_writes(typed):
    with pytest.raises(TextRefused, match="A letter has at most 30 marks"):
        text.line(typed)


@pytest.mark.parametrize(
    "piece",
    [" ", "\t", " \t", "\u00a0", "\n ", MARKS, f"{MARKS}\u200b", "\u200d", "\U000e0067", "\ufe0f", "\u1100\u1161"],
)
@pytest.mark.parametrize("normal_form", [text.line, text.lines, text.identifier, text.email])
def test_whatever_is_typed_its_form_is_found_soon(normal_form, piece):
    """The whole body of a request, of what some way to look at text takes the square of its length for."""
    begin = time.thread_time()

    with suppress(TextRefused):
        normal_form("x" + piece * (60_000 // len(piece)) + "x")

    assert time.thread_time() - begin < 2


def test_lines_end_in_one_way():
    assert text.lines("\r\na \r\nb\rc\u2028d\x85\te\u00a0f  \r\n") == "a\nb\nc\nd\n\te f"


@pytest.mark.parametrize(
    ("typed", "stored"), [(" A  1 ", "A 1"), ("ＡＢ－１", "AB-1"), ("A\u20111", "A-1"), ("ｶﾞ", "ガ"), ("Tee²", "Tee²")]
)
def test_an_identifier_is_written_in_one_way(typed, stored):
    assert text.identifier(typed) == stored


@pytest.mark.parametrize(
    "typed",
    ["A\u200b1", "A\u20601", "A\u00ad1", "A\u202e1", "می\u200cخ", "❤\ufe0f", "A\u0378", "A\u28001", "A\U0001d1591"],
)
def test_an_identifier_has_nothing_that_nobody_sees(typed):
    with pytest.raises(TextRefused, match=r"U\+"):
        text.identifier(typed)


@pytest.mark.parametrize(
    "typed",
    [
        "ida@bücher.example",
        "Ida@BÜCHER.Example",
        "ida@bu\u0308cher.example",
        " ida@xn--bcher-kva.example ",
        "IDA@XN--BCHER-KVA.EXAMPLE",
        "ida@ｂücher。example",
    ],
)
def test_an_address_is_written_in_one_way(typed):
    assert text.email(typed) == "ida@xn--bcher-kva.example"


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("a@faß.de", "a@xn--fa-hia.de"),
        ("\u212aim@example.com", "kim@example.com"),
        ("İda@example.com", "İda@example.com"),
        ("a@b@Example.com", "a@b@example.com"),
        ("x@☃.example", "x@☃.example"),
        ("x@" + "ü" * 300, "x@" + "ü" * 300),
        ("nobody", "nobody"),
        ("", ""),
    ],
)
def test_what_is_no_address_comes_out_as_it_can(typed, stored):
    assert text.email(typed) == stored


def test_a_password_is_composed_and_nothing_else():
    assert text.password("  Cafe\u0301\u00a0\u3000ﬁ\u200b ") == "  Café  ﬁ\u200b "


@pytest.mark.parametrize(
    ("typed", "refused"), [("Pässwörd 1 한 🍵", False), ("a\tb", True), ("a\u200bb", True), ("\ue000", True)]
)
def test_a_new_password_can_be_typed_again(typed, refused):
    assert text.refused_in_password(typed) == refused


@pytest.mark.parametrize(
    "typed",
    [
        *("0A1B1C20", "oaibLc2o", "OAIB-1C2O", " 0a1b 1c2\u20100 ", "０Ａ１Ｂ１Ｃ２０"),
        *("#0A1B1C20", "＃ 0A1B\u20131C20", "٠A١B١C٢٠", "०a१b१c२०", "\u200f0A1B1C20\u202c", "\ufeff0A1B\u00ad1C20"),
    ],
)
def test_an_order_number_is_read_as_crockford_says(typed):
    assert text.order_number(typed) == "0A1B1C20"


@pytest.mark.parametrize("typed", ["０١२345", "\u2066 012 345 \u2069", "012\u2212345"])
def test_a_code_that_people_read_off_is_read_alike(typed):
    assert text.order_number(typed) == "012345"


def test_a_number_above_a_line_is_no_digit():
    assert text.order_number("4⁵") == "4⁵"


@pytest.mark.parametrize("typed", ["٠" * 31 + "１", "\u200e" + "0" * 31 + "1", "00000000–0000–0000–0000–000000000001"])
def test_an_id_is_read_as_it_was_pasted(typed):
    assert text.read_id(typed) == UUID(int=1)


def test_a_joiner_that_joins_nothing_once_marks_changed_places_is_dropped():
    typed = "0\u0300\u034f\u094d\u200c"

    assert text.line(typed) == text.line(text.line(typed)) == "0\u094d\u0300"
