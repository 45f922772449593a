"""Moving an order on: each change is one compare-and-set, written with its event and the call that it owes."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID

from django.db import transaction

from orders import mails, outbox, queries
from orders.lifecycle import FACTS, OWNER, TARGETS, Caller, find_transition, rights_for, rights_of
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


def take_action(order_id: UUID, action: str, *, by: Caller, versions: set[int] | None = None, **facts: str) -> Order:
    """Take an action on an order, and answer with the order as it then is. What was done already is not done again.

    `facts` are what may be said with it (`lifecycle.FACTS`); `versions` are those that the action is meant for (None:
    any). Never from inside a transaction. Raises `NoSuchOrder`, `NotAllowed`, `OtherVersion` or `WrongStatus`.
    """
    order = find_order(order_id, action, by=by)
    if versions is not None and order.version not in versions:
        raise OtherVersion
    if is_done(order, action, facts):
        return order

    transition = find_transition(order.status, action, rights_on(order, by))
    if not transition:
        raise WrongStatus(order)

    said = {name: text for name, text in facts.items() if text}
    if not change_status(order, transition.after, by=by, columns=FACTS.get(action, {}), **said):
        return take_action(order_id, action, by=by, versions=versions, **facts)

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


def is_done(order: Order, action: str, facts: Mapping[str, str]) -> bool:
    """Whether the action has happened already, with nothing else said, and nothing since."""
    kept, said = FACTS.get(action, {}), {name: text for name, text in facts.items() if text}
    return order.status == TARGETS[action] and all(getattr(order, kept[name]) == said[name] for name in said)


@transaction.atomic(durable=True)
def change_status(
    order: Order, after: str, *, by: Actor, columns: Mapping[str, str] = MappingProxyType({}), **facts: Any
) -> bool:
    """Change the status of an order as it was read, with its event and mail; whether nobody was faster.

    `columns` are those of the order that keep some of the facts.
    """
    changes = {columns[name]: fact for name, fact in facts.items() if name in columns}
    if not Order.objects.move(order, after, **changes):
        return False

    Event.objects.record(order, after, by=by, **facts)
    mails.write_mail(order, after)
    return True
