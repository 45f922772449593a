"""Moving an order on: each change is one compare-and-set, written with its event and the call that it owes."""

from typing import Any
from uuid import UUID

from django.db import transaction

from orders import outbox, queries
from orders.lifecycle import OWNER, TARGETS, Caller, find_transition, rights_for, rights_of
from orders.models import Event, Order
from wire.events import Actor


class NotAllowed(Exception):
    """The caller may never take this action; one of the scopes in `scope` would do."""

    def __init__(self, scopes: frozenset[str]) -> None:
        self.scope = " ".join(sorted(scopes))
        super().__init__(self.scope)


class WrongStatus(Exception):
    """The order, as it is now, does not allow the action."""

    def __init__(self, order: Order) -> None:
        super().__init__(order.status)
        self.order = order


class OtherVersion(Exception):
    """The order is not in a version that the caller meant."""


def take_action(
    order_id: UUID, action: str, *, by: Caller, reference: str = "", versions: set[int] | None = None
) -> Order:
    """Take an action on an order, and answer with the order as it then is. What was done already is not done again.

    `reference` is for `pay`; `versions` are those that the action is meant for (None: any). Never from inside a
    transaction. Raises `NoSuchOrder`, `NotAllowed`, `OtherVersion` or `WrongStatus`.
    """
    order = find_order(order_id, action, by=by)
    if versions is not None and order.version not in versions:
        raise OtherVersion
    if is_done(order, action, reference):
        return order

    transition = find_transition(order.status, action, rights_on(order, by))
    if not transition:
        raise WrongStatus(order)

    facts = {"reference": reference} if reference else {}
    if not change_status(order, transition.after, by=by, **facts):
        return take_action(order_id, action, by=by, reference=reference, versions=versions)

    if transition.call:
        outbox.try_calls(order.pk)
    return order


def find_order(order_id: UUID, action: str, *, by: Caller) -> Order:
    """The order that somebody wants to act on; raises `NoSuchOrder` or `NotAllowed`."""
    order = queries.find_order(order_id, caller=by, scopes=rights_for(action) - {OWNER})
    if rights_for(action).isdisjoint(rights_on(order, by)):
        raise NotAllowed(rights_for(action))

    return order


def rights_on(order: Order, caller: Caller) -> frozenset[str]:
    return rights_of(caller.scopes, is_own=caller.sub == order.customer_id)


def is_done(order: Order, action: str, reference: str) -> bool:
    """Whether the action has happened already, and nothing since."""
    return order.status == TARGETS[action] and reference in ("", order.payment_reference)


@transaction.atomic(durable=True)
def change_status(order: Order, after: str, *, by: Actor, **facts: Any) -> bool:
    """Change the status of an order as it was read, with its event; whether nobody was faster."""
    changes = {"payment_reference": facts["reference"]} if "reference" in facts else {}
    if not Order.objects.move(order, after, **changes):
        return False

    Event.objects.record(order, after, by=by, **facts)
    return True
