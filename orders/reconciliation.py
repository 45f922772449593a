"""Whether products holds what the orders say: the one thing that two services can disagree about."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from orders.inventory import InventoryUnavailable, get_inventory
from orders.lifecycle import HOLDING, Status
from orders.models import Line, Order

BATCH = 500

Quantities = dict[UUID, int]


class Difference(NamedTuple):
    """Something about an order, in the version in which it was looked at (0: there is none)."""

    order_id: UUID
    version: int
    text: str


def find_drift() -> Iterator[str]:
    """What does not agree, one sentence each; also that products could not be asked.

    Two databases are never read at one moment. What differs is therefore looked at twice, and only
    what differs in both for an order that has not moved since is drift.
    """
    for order in Order.objects.stuck().order_by("created_at").iterator():
        owed = f" and owes {order.outbox}" if order.outbox else ""
        yield f"order {order.pk} is {order.status}{owed}, but is stuck: {order.stuck}"
    try:
        differing = compare_reservations()
        lasting = differing & compare_reservations() if differing else differing
    except InventoryUnavailable as error:
        yield f"products could not be asked: {error}"
    else:
        yield from (f"order {one.order_id} {one.text}" for one in sorted(lasting))


def compare_reservations() -> set[Difference]:
    """How orders and what products holds for them differ right now."""
    holdings = dict(get_inventory().held())
    return {*check_held(holdings), *check_missing(holdings)}


def check_missing(holdings: dict[UUID, Quantities]) -> Iterator[Difference]:
    """Orders that products should hold something for, and does not."""
    live = Order.objects.filter(status__in=HOLDING, outbox="").values_list("pk", "version", "status")
    for order_id, version, status in live.iterator():
        if order_id not in holdings:
            yield Difference(order_id, version, f"is {status}, but products holds nothing for it")


def check_held(holdings: dict[UUID, Quantities]) -> Iterator[Difference]:
    """Orders that products holds something for, and should not, or not this."""
    pairs = iter(holdings.items())
    while batch := dict(islice(pairs, BATCH)):
        orders = Order.objects.in_bulk(list(batch))
        ordered = read_quantities(batch)
        for order_id, held in batch.items():
            order = orders.get(order_id)
            text = describe_difference(order, held, ordered[order_id])
            if text:
                yield Difference(order_id, order.version if order else 0, text)


def read_quantities(order_ids: Any) -> dict[UUID, Quantities]:
    """The quantities by product that orders ordered."""
    ordered: dict[UUID, Quantities] = {order_id: {} for order_id in order_ids}
    lines = Line.objects.filter(order__in=ordered).values_list("order_id", "product", "quantity")
    for order_id, product, quantity in lines:
        ordered[order_id][product] = quantity
    return ordered


def describe_difference(order: Order | None, held: Quantities, ordered: Quantities) -> str:
    """What is wrong with products holding this for an order; empty if nothing is."""
    if order is None:
        return "is unknown, but products holds something for it"
    # One that owes a call may be released right now; a pending one may be about to be placed.
    if order.status not in (*HOLDING, Status.PENDING) and not order.outbox:
        return f"is {order.status}, but products holds something for it"
    if held != ordered:
        return "has other lines than products holds for it"
    return ""
