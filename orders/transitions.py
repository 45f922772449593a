"""Moving an order on: each change is one compare-and-set, written with its event and what it owes."""

from typing import Any
from uuid import UUID

from django.db import transaction

from orders import outbox
from orders.lifecycle import TARGETS, Caller, find_change, words_held, words_of
from orders.models import Event, Order
from wire.events import Actor


class NoSuchOrder(Exception):
    """There is no such order, or none that is the caller's business."""


class NotAllowed(Exception):
    """The caller may never take this action; one of `scopes` would do."""

    def __init__(self, scopes: frozenset[str]) -> None:
        super().__init__(scopes)
        self.scopes = scopes


class WrongStatus(Exception):
    """The order, as it is now, does not allow the action."""

    def __init__(self, order: Order) -> None:
        super().__init__(order.status)
        self.order = order


class OtherVersion(Exception):
    """The order is not in a version that the caller meant."""


def change(order_id: UUID, action: str, *, by: Caller, reference: str = "", versions: set[int] | None = None) -> Order:
    """Take an action on an order, and answer with the order as it then is.

    What was done already is not done again. `reference` is for `pay`; `versions` are those that
    the change is meant for (None: any). Never from inside a transaction. Raises `NoSuchOrder`,
    `NotAllowed`, `OtherVersion` or `WrongStatus`.
    """
    order = find(order_id, action, by=by)
    if versions is not None and order.version not in versions:
        raise OtherVersion
    if is_done(order, action, reference):
        return order

    found = find_change(order.status, action, words_held(by, order.customer_id))
    if not found:
        raise WrongStatus(order)

    facts = {"reference": reference} if reference else {}
    if not write(order, found.after, by=by, **facts):
        return change(order_id, action, by=by, reference=reference, versions=versions)

    if found.owes:
        outbox.offer(order.pk)
    return order


def find(order_id: UUID, action: str, *, by: Caller) -> Order:
    """The order that somebody wants to act on, if they may think of it."""
    order = Order.objects.open_to(by, action).filter(pk=order_id).first()
    if not order:
        raise NoSuchOrder
    if words_of(action).isdisjoint(words_held(by, order.customer_id)):
        raise NotAllowed(words_of(action))

    return order


def is_done(order: Order, action: str, reference: str) -> bool:
    """Whether the action has happened already, and nothing since."""
    return order.status == TARGETS[action] and reference in ("", order.payment_reference)


@transaction.atomic(durable=True)
def write(order: Order, after: str, *, by: Actor, **facts: Any) -> bool:
    """Change the status of an order as it was read, with its event; whether nobody was faster."""
    changes = {"payment_reference": facts["reference"]} if "reference" in facts else {}
    if not Order.objects.move(order, after, **changes):
        return False

    Event.objects.record(order, after, by=by, **facts)
    return True
