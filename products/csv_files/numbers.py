"""Amounts and quantities as people and spreadsheets write them: `1.234,50`, `4,50 €`, `£4.50`."""

import re
from decimal import Decimal

from wire.money import CURRENCIES
from wire.text import usual_signs

LONGEST = 40
"""Characters of a number, with its signs and spaces."""
SIGNS = {
    "€": {"EUR"},
    "£": {"GBP", "EGP"},
    "¥": {"JPY", "CNY"},
    "￥": {"JPY", "CNY"},
    "円": {"JPY"},
    "元": {"CNY", "TWD"},
    "$": {"AUD", "BRL", "CAD", "CLP", "HKD", "MXN", "NZD", "SGD", "TWD", "USD", "UYU"},
    "us$": {"USD"},
    "a$": {"AUD"},
    "c$": {"CAD"},
    "ca$": {"CAD"},
    "hk$": {"HKD"},
    "nz$": {"NZD"},
    "nt$": {"TWD"},
    "s$": {"SGD"},
    "r$": {"BRL"},
    "kr": {"DKK", "ISK", "NOK", "SEK"},
    "kr.": {"DKK", "ISK", "NOK", "SEK"},
    "zł": {"PLN"},
    "kč": {"CZK"},
    "ft": {"HUF"},
    "lei": {"RON"},
    "лв": {"BGN"},
    "лв.": {"BGN"},
    "fr.": {"CHF"},
    "sfr.": {"CHF"},
    "₹": {"INR"},
    "₩": {"KRW"},
    "₺": {"TRY"},
    "₪": {"ILS"},
    "฿": {"THB"},
    "₫": {"VND"},
    "₴": {"UAH"},
    "₦": {"NGN"},
    "₱": {"PHP"},
    "rp": {"IDR"},
    "rm": {"MYR"},
    "rs": {"INR", "PKR"},
    "rs.": {"INR", "PKR"},
    "د.إ": {"AED"},
    "د.إ.": {"AED"},
    "ر.س": {"SAR"},
    "ر.س.": {"SAR"},
    "ج.م": {"EGP"},
    "ج.م.": {"EGP"},
    "د.م": {"MAD"},
    "د.م.": {"MAD"},
    **{code.lower(): {code} for code in CURRENCIES},
}
"""Which currencies a sign may mean, in lower case."""
LONGEST_FIRST = "|".join(re.escape(sign) for sign in sorted(SIGNS, key=len, reverse=True))
PREFIX = re.compile(LONGEST_FIRST, re.IGNORECASE)
SUFFIX = re.compile(rf"(?:{LONGEST_FIRST})\Z", re.IGNORECASE)
SPACES = re.compile("[\\s\u00a0\u2009\u202f'\u2019\u066c]")
"""What stands between thousands beside a point and a comma: spaces of any width, apostrophes, the Arabic sign."""
ARABIC = "\u066b"
"""The Arabic sign before decimals, which is nothing else."""
OTHER = {".": ",", ",": ".", ARABIC: ","}
DIGITS = re.compile(r"[0-9]*")
GROUPED = re.compile(r"[0-9]{1,3}( [0-9]{2,3})* [0-9]{3}")
"""Thousands, or lakhs and crores."""
EITHER = re.compile(r"[1-9][0-9]{0,2}[.,][0-9]{3}")


class NotANumber(Exception):
    """This is no number that can be taken; the message says why."""


class Ambiguous(NotANumber):
    """This may be two numbers, depending on where it was written."""


def parse_amount(text: str, currency: str, *, decimal: str = "") -> Decimal:
    """An amount in a currency, whose sign or code may stand beside it; raises `NotANumber`.

    `decimal` is the sign before the decimals, `.` or `,`; left out, it is the one that it can only be.
    """
    if len(text) > LONGEST:
        raise NotANumber("is not a number")

    minus, rest = split_minus(usual_signs(text))
    for cut in (split_prefix, split_suffix):
        sign, rest = cut(rest)
        if sign and currency not in SIGNS.get(sign, ()):
            raise NotANumber(f"is not in {currency}: say which --currency, by its code or its column")
    again, rest = split_minus(rest)
    amount = parse_digits(rest, decimal or ("." if CURRENCIES.get(currency) == 3 and "," not in rest else ""))
    return amount.copy_negate() if minus or again else amount


def parse_quantity(text: str, *, decimal: str = "") -> int:
    """A whole number, perhaps with empty decimals: `6.0`; raises `NotANumber`."""
    minus, rest = split_minus(usual_signs(text[: LONGEST + 1]))
    try:
        number = parse_digits(rest, decimal) if len(text) <= LONGEST else Decimal("0.1")
    except Ambiguous:
        raise
    except NotANumber as error:
        raise NotANumber("is not a whole number") from error
    # Not by a remainder, which has no more digits than decimals are reckoned with.
    if number != number.to_integral_value():
        raise NotANumber("is not a whole number")

    return -int(number) if minus else int(number)


def split_minus(text: str) -> tuple[bool, str]:
    """Whether a number is negative, and what follows its sign."""
    text = text.strip()
    return text.startswith(("-", "\u2212")), text[text.startswith(("+", "-", "\u2212")) :].strip()


def split_prefix(text: str) -> tuple[str, str]:
    """The sign of a currency that a text begins with, in lower case, and the rest."""
    found = PREFIX.match(text)
    return (found[0].casefold(), text[found.end() :].strip()) if found else ("", text)


def split_suffix(text: str) -> tuple[str, str]:
    found = None if text[-1:].isdecimal() else SUFFIX.search(text)
    return (found[0].casefold(), text[: found.start()].strip()) if found else ("", text)


def parse_digits(text: str, decimal: str) -> Decimal:
    """The digits of a number that may be grouped, without its sign."""
    body = SPACES.sub(" ", text)
    mark = ARABIC if ARABIC in body else decimal or find_decimal(body)
    whole, _, decimals = body.partition(mark)
    whole = whole if " " in whole else whole.replace(OTHER[mark], " ")
    is_number = DIGITS.fullmatch(decimals) and (DIGITS.fullmatch(whole) or GROUPED.fullmatch(whole))
    if not is_number or not whole + decimals:
        raise NotANumber("is not a number")

    return Decimal(f"{whole.replace(' ', '') or '0'}.{decimals}")


def find_decimal(body: str) -> str:
    """What stands before the decimals, where only one of `.` and `,` can; raises `Ambiguous` if both could."""
    marks = re.sub(r"[^.,]", "", body)
    if EITHER.fullmatch(body):
        meanings = f"{body.replace(marks, '')} or {body.replace(marks, '.')}"
        raise Ambiguous(f"may be {meanings}: say which sign the decimals have (--decimal)")
    if len(marks) > 1 and len(set(marks)) == 1:
        return OTHER[marks[0]]

    return marks[-1:] or "."
