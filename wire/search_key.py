"""How text is compared when people search: without case, accents, quotes and hyphens, in any script (docs/text.md)."""

import re
import unicodedata

from wire.text import UNSEEN

ACCENTS = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
)
"""Marks that people leave out: of Latin, Greek and Cyrillic letters, vowels and points in Hebrew and Arabic.

Not those of kana, India and Thailand: there they make another letter.
"""
QUOTES = (
    "'\"`\u00b4\u00ab\u00bb\u02b9-\u02bf\u02c8\u02ca\u02cb\u055a\u05f3\u05f4\u2018-\u201f\u2032-\u2037"
    "\u2039\u203a\ua78b\ua78c"
)
DOTS = "\u00b7\u2027\u2219\u30fb\uff65"
DROPPED = re.compile(f"[{QUOTES}{DOTS}\u2043\u2212~\u223c\uff5e]")
"""Quotes, the dots that stand inside of words, and tildes, which Japanese writes for a dash.

Hyphens and dashes are dropped as well, by their category.
"""
WITHOUT = {
    "æ": "ae",
    "œ": "oe",
    "þ": "th",
    "ð": "d",
    "ı": "i",
    "ŋ": "n",
    "ĸ": "k",
    "ə": "e",
    "ǝ": "e",
    "ɛ": "e",
    "ɔ": "o",
    "ʒ": "z",
    "ى": "ي",
    "ی": "ي",
    "ک": "ك",
    "ہ": "ه",
    "ة": "ه",
    "ۃ": "ه",
    "ە": "ه",
    "ھ": "ه",
    "ٱ": "ا",
    "ـ": "",
    "װ": "וו",
    "ױ": "וי",
    "ײ": "יי",
    "\u2044": "/",
    "\u2215": "/",
}
"""Letters that Unicode does not take apart, as those write them who have no such key."""
STRESSED = {"ѐ": "е", "ё": "е", "ѝ": "и"}
WITH = re.compile(r"LATIN SMALL LETTER ([A-Z]) WITH .*")
REMEMBERED = 50_000
"""Letters; there are a million, which nobody needs to have in memory."""
HIRAGANA = {chr(code): chr(code - 0x60) for code in (*range(0x30A1, 0x30F7), 0x30FD, 0x30FE)}


class Folds(dict[int, str]):
    """What each letter becomes, worked out when it is first met."""

    def __missing__(self, code: int) -> str:
        letter = fold_letter(chr(code))
        if len(self) < REMEMBERED:
            self[code] = letter
        return letter


def fold(text: str) -> str:
    """A text as it is searched: `Café Łódź` becomes `cafe lodz`; empty if there is nothing to search for."""
    plain = unicodedata.normalize("NFKC", DROPPED.sub("", UNSEEN.sub("", text)))
    folded = unicodedata.normalize("NFC", plain.translate(FOLDS))
    return " ".join(folded.split())


def fold_letter(letter: str) -> str:
    """What one composed letter becomes."""
    if DROPPED.match(letter) or unicodedata.category(letter) == "Pd":
        return ""
    if letter.isdecimal():
        return str(unicodedata.decimal(letter))
    if letter in HIRAGANA:
        return HIRAGANA[letter]
    if "\u0400" <= letter <= "\u052f":
        return STRESSED.get(letter.casefold(), letter.casefold())

    # Twice: some letters have another case only once they are taken apart.
    plain = drop_accents(drop_accents(letter).casefold())
    return unicodedata.normalize("NFC", "".join(map(simplify, plain)))


def drop_accents(text: str) -> str:
    return ACCENTS.sub("", unicodedata.normalize("NFKD", text))


def simplify(letter: str) -> str:
    """A letter that Unicode does not take apart, as one that everybody can type: `ł` as `l`."""
    found = WITH.fullmatch(unicodedata.name(letter, ""))
    return found[1].lower() if found else WITHOUT.get(letter, letter)


FOLDS = Folds()
