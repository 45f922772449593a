"""The life of an order: one table that drives the code, `allowed_actions`, the admin and the docs."""

from typing import NamedTuple

from django.db.models import TextChoices


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


OWNER = "owner"
"""Stands for the customer whose order it is; every other word is a scope, and none is the system."""


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
OWES = {(change.before, change.after): change.owes for change in TRANSITIONS}
