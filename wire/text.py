"""The normal form of each kind of text: one function per kind, which every way in uses (docs/text.md)."""

import re
import unicodedata
from collections.abc import Callable
from uuid import UUID

NormalForm = Callable[[str], str]
"""What brings a text of some kind into its normal form; applied again, it changes nothing. May raise `TextRefused`."""
MAX_PASSWORD = 4096
MAX_ADDRESS = 1_000
"""Characters of what may be an e-mail address; of more nothing is worked out."""
MAX_MARKS = 30
"""Marks on one letter, as in the Stream-Safe Text Format (UAX 15): to order them takes their square in time."""

IGNORABLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""What nobody sees: Default_Ignorable_Code_Point (UAX 44), and the marks of interlinear annotation."""
CONTROLS = "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"
PRIVATE = "\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd"
NO_CHARACTERS = "\ud800-\udfff\ufdd0-\ufdef" + "".join(
    chr(plane << 16 | 0xFFFE) + chr(plane << 16 | 0xFFFF) for plane in range(17)
)
JOINING = (
    "\u0600-\u061b\u061d-\u07bf\u0840-\u109f\u1780-\u17b3\u17b6-\u180a\u1810-\u18af\ua840-\ua87f"
    "\ufb50-\ufdcf\ufe70-\ufefc"
)
"""Scripts in which a joiner may change a word: Arabic and its kin, those of India and south-east Asia, Mongolian."""
EMOJI = "\u2190-\u2bff\U0001f000-\U0001faff"
MEANINGFUL = (
    f"(?<=[{JOINING}])[\u200c\u200d]",
    f"(?:(?<=[{EMOJI}])|(?<=[{EMOJI}]\ufe0f))\u200d(?=[{EMOJI}])",
    f"(?<=[^\\s{CONTROLS}{IGNORABLE}])[\ufe00-\ufe0f\U000e0100-\U000e01ef]",
    "(?<=[\u1820-\u18aa])[\u180b-\u180f]",
    "(?<=\U0001f3f4)[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,30}\U000e007f",
)
"""What nobody sees but what changes what is seen: joiners in a word or an emoji, another shape of a letter, a flag."""

INVISIBLE = re.compile(f"({'|'.join(MEANINGFUL)})|[{IGNORABLE}]")
UNSEEN = re.compile(f"[{IGNORABLE}]")
UNSTORABLE = re.compile(f"[{CONTROLS}{PRIVATE}{NO_CHARACTERS}]")
LINE_BREAK = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
SPACE = re.compile(r"[^\S\t\n]")
WIDE_OR_NARROW = re.compile("[\u3000\uff01-\uffee]")
HYPHENS = str.maketrans("\u2010\u2011", "--")
MAX_DOMAIN = 255
BLANK = re.compile("[\u2800\U00016fe4\U0001d159\U00013441\U00013442]")
"""Letters and symbols to Unicode, nothing to the eye: Braille without dots, a note without a head, fillers."""


class TextRefused(ValueError):
    """A text that cannot be taken; the message says why."""


# What is stored ---------------------------------------------------------------------------------


def line(text: str) -> str:
    """One line, such as a name: composed (NFC, UAX 15), white space single; empty if nothing in it can be seen.

    What is invisible and changes nothing is dropped. Raises `TextRefused` for control and private characters.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split())

    plain = " ".join(drop_invisible(text).split())
    return plain if can_be_seen(plain) else ""


def lines(text: str) -> str:
    """Lines, such as a description: as `line`, but a line break stays, as one LF, and so does space inside a line."""
    plain = SPACE.sub(" ", drop_invisible(LINE_BREAK.sub("\n", text)))
    plain = "\n".join(each.rstrip(" \t") for each in plain.split("\n")).strip()
    return plain if can_be_seen(plain) else ""


def identifier(text: str) -> str:
    """What something is known by, such as a sku: as `line`, and wide and narrow letters as the usual ones.

    After the UsernameCasePreserved profile (RFC 8265 3.4), but with spaces and symbols. Case is kept. Raises
    `TextRefused` also for what is invisible or not assigned in Unicode: two things that differ must look different.
    """
    if not text.isascii():
        text = " ".join(WIDE_OR_NARROW.sub(usual_width, text).translate(HYPHENS).split())
        refuse(UNSEEN.search(text) or BLANK.search(text))
        refuse(next((found for found in re.finditer(r"[^\x00-\x7f]", text) if is_unassigned(found[0])), None))
    return line(text)


def usual_width(found: re.Match[str]) -> str:
    kind, _, letter = unicodedata.decomposition(found[0]).partition(" ")
    return chr(int(letter, 16)) if kind in {"<wide>", "<narrow>"} else found[0]


def is_unassigned(letter: str) -> bool:
    return unicodedata.category(letter) == "Cn"


def drop_invisible(text: str) -> str:
    """A text, composed, without what is invisible and changes nothing; raises `TextRefused`."""
    refuse(UNSTORABLE.search(text))
    if text.isascii():
        return text

    refuse_stacks(text)
    # Composed before, so that a letter is seen for what it is; and after, since what parted two letters may be gone.
    plain = INVISIBLE.sub(r"\1", unicodedata.normalize("NFC", text))
    refuse_stacks(plain)
    composed = unicodedata.normalize("NFC", plain)
    # Marks that change places may leave a joiner where it joins nothing; a letter has few marks, so it ends soon.
    return composed if composed == plain else drop_invisible(composed)


def refuse(found: re.Match[str] | None) -> None:
    """Raise `TextRefused` if a character was found that cannot be taken."""
    if found:
        raise TextRefused(f"The character U+{ord(found[0]):04X} cannot be taken here.")


def refuse_stacks(text: str) -> None:
    """Raise `TextRefused` for more marks on a letter than any language writes."""
    marks = 0
    for letter in text:
        marks = marks + 1 if unicodedata.combining(letter) else 0
        if marks > MAX_MARKS:
            raise TextRefused(f"A letter has at most {MAX_MARKS} marks.")


def can_be_seen(text: str) -> bool:
    """Whether there is anything but white space, marks without a letter, and what has no shape."""
    if text.isascii():
        return bool(text)

    return any(
        (unicodedata.category(letter)[0] in "LNPS" and not BLANK.match(letter)) or is_unassigned(letter)
        for letter in text
    )


# What is shown ----------------------------------------------------------------------------------


def show_plainly(text: str) -> str:
    """A stranger's text within a message: on one line, does nothing to a terminal, and every database can keep it."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


# What is compared -------------------------------------------------------------------------------


def password(text: str) -> str:
    """A password as it is hashed: OpaqueString (RFC 8265 4.2), composed, every space as U+0020, nothing else changed.

    Nothing is refused here, since a password may be older than this rule: `refused_in_password` is asked of new ones.
    """
    if text.isascii():
        return text

    spaced = "".join(" " if unicodedata.category(letter) == "Zs" else letter for letter in text)
    return unicodedata.normalize("NFC", spaced)


def refused_in_password(text: str) -> bool:
    """Whether a new password has what RFC 8264 4.3 disallows: controls, what is invisible or not assigned."""
    return bool(UNSEEN.search(text)) or any(
        unicodedata.category(letter)[0] == "C" or unicodedata.category(letter) in {"Zl", "Zp"} for letter in text
    )


def email(text: str) -> str:
    """An e-mail address as it is stored and compared: composed, A to Z before the @ in lower case, the domain in ASCII.

    The domain by UTS 46 and IDNA 2008 (RFC 5891). What is no address comes out as it can: whether it is one is
    asked of the result (`EmailAddressValidator`).
    """
    if len(text) > MAX_ADDRESS:
        return lower_ascii(text)

    local, at, domain = unicodedata.normalize("NFC", text.strip()).rpartition("@")
    return lower_ascii(local) + at + domain_in_ascii(domain)


def lower_ascii(text: str) -> str:
    return text.translate(LOWER)


LOWER = {ord(letter): letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


def domain_in_ascii(domain: str) -> str:
    """A domain with its labels as DNS has them, `xn--...`; one that cannot be is left, in lower case."""
    if len(domain) > MAX_DOMAIN or (domain.isascii() and "xn--" not in domain.lower()):
        return domain.lower()

    import idna  # noqa: PLC0415 - few domains need its tables

    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except UnicodeError:
        return domain.lower()


def email_in_unicode(address: str) -> str:
    """An e-mail address in its normal form, with the letters of its domain, such as `ü`, instead of `xn--...`."""
    local, at, domain = address.rpartition("@")
    if domain.isascii() and "xn--" not in domain:
        return address

    import idna  # noqa: PLC0415 - as above

    try:
        return local + at + idna.decode(domain)
    except UnicodeError:
        return address


def order_number(text: str) -> str:
    """An order number as it is stored: Crockford's base 32 with O for 0, I and L for 1, without spaces and hyphens."""
    return BETWEEN_SIGNS.sub("", usual_signs(text)).upper().translate(CROCKFORD)


def read_id(text: str) -> UUID | None:
    """An id as somebody typed or pasted it (RFC 9562 4), with any hyphens, spaces and case; None for anything else."""
    plain = BETWEEN_SIGNS.sub("", usual_signs(text))
    return UUID(plain) if re.fullmatch("[0-9A-Fa-f]{32}", plain) else None


def usual_signs(text: str) -> str:
    """What was typed or pasted of a number or a code: letters of the usual width, digits 0 to 9, nothing unseen."""
    if text.isascii():
        return text

    shown = UNSEEN.sub("", WIDE_OR_NARROW.sub(usual_width, text))
    return "".join(str(unicodedata.decimal(sign)) if sign.isdecimal() else sign for sign in shown)


CROCKFORD = str.maketrans("OIL", "011")
BETWEEN_SIGNS = re.compile("[\\s#\u2010-\u2015\u2212-]")
"""What stands between the signs of a number, or before it: spaces, hyphens and dashes, `#`."""
