"""The life of an order: one table that drives the code, `allowed_actions`, the admin and the docs."""

from functools import cache
from typing import NamedTuple, Protocol

from django.db.models import TextChoices

from wire.events import Actor


class Status(TextChoices):
    """Where an order stands."""

    PENDING = "pending"
    PLACED = "placed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    PAID = "paid"
    EXPIRED = "expired"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    RETURNED = "returned"


HOLDING = (Status.PLACED, Status.PAID)
"""Where an order stands while products holds its lines for it."""
OWNER = "owner"
"""Stands for the customer whose order it is, with `orders:write`. Every other word that allows a
change is a scope; where there is no word, only the system makes it."""


class Transition(NamedTuple):
    """One change of status: who may make it, by which action, and the verb products is then owed."""

    before: Status
    after: Status
    action: str = ""
    allowed: tuple[str, ...] = ()
    owes: str = ""


TRANSITIONS = [
    Transition(Status.PENDING, Status.PLACED),
    Transition(Status.PENDING, Status.REJECTED, owes="release"),
    Transition(Status.PENDING, Status.CANCELLED, "cancel", (OWNER, "orders:manage"), "release"),
    Transition(Status.PLACED, Status.CANCELLED, "cancel", (OWNER, "orders:manage"), "release"),
    Transition(Status.PAID, Status.CANCELLED, "cancel", ("orders:manage",), "release"),
    Transition(Status.PLACED, Status.PAID, "pay", ("orders:manage", "orders:pay")),
    Transition(Status.PLACED, Status.EXPIRED, owes="release"),
    Transition(Status.PAID, Status.SHIPPED, "ship", ("orders:manage",), "fulfil"),
    Transition(Status.SHIPPED, Status.DELIVERED, "deliver", ("orders:manage",)),
    Transition(Status.DELIVERED, Status.RETURNED, "return", ("orders:manage",), "take_back"),
]
ACTIONS = ("cancel", "pay", "ship", "deliver", "return")
TARGETS: dict[str, str] = {change.action: change.after for change in TRANSITIONS if change.action}
OWES: dict[tuple[str, str], str] = {(change.before, change.after): change.owes for change in TRANSITIONS}


class Caller(Actor, Protocol):
    """Whoever asks for a change, with the scopes of the token."""

    @property
    def scopes(self) -> frozenset[str]: ...


@cache
def words_of(action: str) -> frozenset[str]:
    """The words of which one allows an action in some status."""
    return frozenset(word for change in TRANSITIONS if change.action == action for word in change.allowed)


def scopes_of(*actions: str) -> str:
    """The scopes of which one is needed for any of these actions, as views state them."""
    words = {word for action in actions for word in words_of(action)}
    return " ".join(sorted("orders:write" if word == OWNER else word for word in words))


def words_held(caller: Caller, customer_id: str) -> frozenset[str]:
    """The words that a caller has on a customer's order."""
    if caller.sub == customer_id and "orders:write" in caller.scopes:
        return caller.scopes | {OWNER}

    return caller.scopes


def find_change(status: str, action: str, words: frozenset[str]) -> Transition | None:
    """The change that an action makes from a status, if one of the words allows it."""
    for change in TRANSITIONS:
        if (change.before, change.action) == (status, action) and not words.isdisjoint(change.allowed):
            return change

    return None


def allowed_actions(status: str, *, customer_id: str, caller: Caller) -> list[str]:
    """The actions that a caller may take on a customer's order in a status."""
    words = words_held(caller, customer_id)
    return [action for action in ACTIONS if find_change(status, action, words)]


def write_table() -> str:
    """The table of transitions in Markdown, as it stands in the docs."""
    rows = [
        (change.before, change.after, change.action or "-", " or ".join(change.allowed) or "system", change.owes or "-")
        for change in TRANSITIONS
    ]
    header = ("from", "to", "action", "who", "owes products")
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
