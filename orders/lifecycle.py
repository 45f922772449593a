"""The life of an order: one table that drives the code, `allowed_actions`, the admin and the docs."""

from functools import cache, lru_cache
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
UNPAID = (Status.PENDING, Status.PLACED)
"""Where an order stands while it may hold stock that nobody has paid."""
OWNER = "owner"
"""The right of the customer whose order it is, with `orders:write`. Every other right is a scope;
where a transition names none, only the system makes it."""


class Transition(NamedTuple):
    """One change of status: who may make it, by which action, and the call that is then owed to products."""

    before: Status
    after: Status
    action: str = ""
    allowed: tuple[str, ...] = ()
    call: str = ""


TRANSITIONS = [
    Transition(Status.PENDING, Status.PLACED),
    Transition(Status.PENDING, Status.REJECTED, call="release"),
    Transition(Status.PENDING, Status.CANCELLED, "cancel", (OWNER, "orders:manage"), "release"),
    Transition(Status.PLACED, Status.CANCELLED, "cancel", (OWNER, "orders:manage"), "release"),
    Transition(Status.PAID, Status.CANCELLED, "cancel", ("orders:manage",), "release"),
    Transition(Status.PLACED, Status.PAID, "pay", ("orders:manage", "orders:pay")),
    Transition(Status.PLACED, Status.EXPIRED, call="release"),
    Transition(Status.PAID, Status.SHIPPED, "ship", ("orders:manage",), "fulfil"),
    Transition(Status.SHIPPED, Status.DELIVERED, "deliver", ("orders:manage",)),
    Transition(Status.DELIVERED, Status.RETURNED, "return", ("orders:manage",), "take_back"),
]
ACTIONS = ("cancel", "pay", "ship", "deliver", "return")
FACTS: dict[str, dict[str, str]] = {
    "pay": {"reference": "payment_reference"},
    "ship": {"tracking": "tracking", "note": "note"},
    "return": {"refund": "refund"},
}
"""What may be said with an action, and the column of the order that keeps it."""
TARGETS: dict[str, str] = {step.action: step.after for step in TRANSITIONS if step.action}
CALLS: dict[tuple[str, str], str] = {(step.before, step.after): step.call for step in TRANSITIONS}
"""What each change of status owes to products: the name of a call, or nothing."""


class Caller(Actor, Protocol):
    """Whoever asks for a change, with the scopes of the token."""

    @property
    def scopes(self) -> frozenset[str]: ...


@cache
def rights_for(action: str) -> frozenset[str]:
    """The rights of which one allows an action in some status."""
    return frozenset(right for step in TRANSITIONS if step.action == action for right in step.allowed)


def scopes_for(*actions: str) -> str:
    """The scopes of which one is needed for any of these actions, as views state them."""
    rights = {right for action in actions for right in rights_for(action)}
    return " ".join(sorted("orders:write" if right == OWNER else right for right in rights))


def rights_of(scopes: frozenset[str], *, is_own: bool) -> frozenset[str]:
    """The rights that a caller with some scopes has on an order, their own or another's."""
    return scopes | {OWNER} if is_own and "orders:write" in scopes else scopes


def find_transition(status: str, action: str, rights: frozenset[str]) -> Transition | None:
    """The transition that an action makes from a status, if one of the rights allows it."""
    for step in TRANSITIONS:
        if (step.before, step.action) == (status, action) and not rights.isdisjoint(step.allowed):
            return step

    return None


@lru_cache(1_000)
def allowed_actions(status: str, scopes: frozenset[str], *, is_own: bool) -> tuple[str, ...]:
    """The actions that a caller with some scopes may take on an order in a status, their own or another's."""
    # Lists ask this for every row, and the answers are few.
    rights = rights_of(scopes, is_own=is_own)
    return tuple(action for action in ACTIONS if find_transition(status, action, rights))
