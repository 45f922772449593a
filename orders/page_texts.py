"""What orders, their steps and their refusals are called, for people to read."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from orders.lifecycle import Status
from orders.models import PAYMENT_TERM

EVENTS: dict[str, str] = {
    Status.PENDING: "Ordered",
    Status.PLACED: "Confirmed, and held for you",
    Status.REJECTED: "Refused",
    Status.CANCELLED: "Cancelled",
    Status.PAID: "Paid",
    Status.EXPIRED: "Expired",
    Status.SHIPPED: "Shipped",
    Status.DELIVERED: "Delivered",
    Status.RETURNED: "Returned",
}
TERM = f"{PAYMENT_TERM // timedelta(hours=1)} hours"
STATUS_NOTES: dict[str, str] = {
    Status.PENDING: "The shop is confirming your order. Refresh the page in a moment.",
    Status.EXPIRED: f"It was not paid within {TERM}, so it is no longer held for you.",
}
ACTION_LABELS = {
    "cancel": "Cancel the order",
    "pay": "Mark as paid",
    "ship": "Mark as shipped",
    "deliver": "Mark as delivered",
    "return": "Mark as returned",
}
NOT_SOLD = ("unknown-product", "retired-product")
"""Refusals of what cannot be had at all."""
WHOLE = ("mixed-currencies", "not-reserved", "cancelled")
"""Refusals that are about the order and not about one of its lines."""
REFUSALS = {
    "insufficient-stock": "Only {available} left; you wanted {wanted}.",
    "price-changed": "The price is {price} {currency} now; you saw {seen}.",
    "unknown-product": "There is no such product.",
    "retired-product": "It is no longer sold.",
    "mixed-currencies": "Products of two currencies cannot be ordered together.",
    "cancelled": "The order was cancelled before it was placed.",
    "not-reserved": "The shop could not confirm it in time. Nothing is held, and you owe nothing.",
}


def explain_refusal(code: str, lines: Sequence[Mapping[str, Any]], *, names: Mapping[str, str]) -> list[str]:
    """Why an order was rejected, a sentence for each line that was in the way; `names` are those of its products."""
    facts = [{}] if code in WHOLE or not lines else lines
    return list(dict.fromkeys(explain_named(code, fact, names.get(str(fact.get("product")), "")) for fact in facts))


def explain_named(code: str, fact: Mapping[str, Any], name: str) -> str:
    return f"{name}: {explain_line(code, fact)}" if name else explain_line(code, fact)


def explain_line(code: str, fact: Mapping[str, Any]) -> str:
    if code == "insufficient-stock" and not fact.get("available"):
        return "It is sold out."

    return REFUSALS.get(code, "It cannot be ordered.").format_map(fact)
