"""Money: a decimal amount with an ISO 4217 currency; on the wire a string, never a float."""

import re
from decimal import Decimal

MAX_AMOUNT = Decimal(1_000_000_000)
"""The largest price of one unit."""
MAX_DIGITS = 15
"""Digits a stored price may have, `STORED_PLACES` of them after the point."""
STORED_PLACES = 3

_TWO_PLACES = (
    "AED AUD BGN BRL CAD CHF CNY CZK DKK EGP EUR GBP HKD HUF IDR ILS INR KES MAD MXN MYR NGN NOK NZD "
    "PEN PHP PKR PLN QAR RON RSD SAR SEK SGD THB TRY TWD UAH USD UYU ZAR"
)
CURRENCIES = {
    **dict.fromkeys(_TWO_PLACES.split(), 2),
    **dict.fromkeys(("CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF"), 0),
    **dict.fromkeys(("BHD", "JOD", "KWD", "OMR", "TND"), 3),
}
"""The currencies taken, each with the digits of its minor unit (ISO 4217)."""


def write_amount(amount: Decimal, currency: str) -> str:
    """An amount as it stands on the wire: `4.50`, with the digits its currency has."""
    return f"{amount:.{CURRENCIES[currency]}f}"


def trim_price(stored: str) -> str:
    """A price as columns have it, with three digits after the point, without a last zero: most currencies have two."""
    return re.sub(r"(\.\d\d)0$", r"\1", stored)


def fits(amount: Decimal, currency: str) -> bool:
    """Whether an amount has no more digits after the point than its currency."""
    return amount == round(amount, CURRENCIES[currency])
