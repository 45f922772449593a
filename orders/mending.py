"""Orders and products put right where they disagree, as after a restore of one of them.

What products did not hear is told again, what orders forgot is followed, and the rest is named for a person.
"""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from django.db import transaction

from database import clock
from database.batch_delete import batches
from orders import transitions
from orders.inventory import (
    Gone,
    InventoryUnavailable,
    NotReserved,
    OtherLines,
    RequestedLine,
    StockDrift,
    get_inventory,
)
from orders.lifecycle import HOLDING, Status
from orders.models import Event, Order
from orders.outbox import try_calls
from orders.reconciliation import read_quantities
from wire.events import Named

LOOK_BACK = timedelta(days=8)
"""How long ago an order may have been shipped or returned for products to be told again."""
BY = Named("mending")

VERBS: dict[str, tuple[str, ...]] = {
    Status.PLACED: ("reserve",),
    Status.PAID: ("reserve",),
    Status.SHIPPED: ("reserve", "fulfil"),
    Status.DELIVERED: ("reserve", "fulfil"),
    Status.RETURNED: ("reserve", "fulfil", "take_back"),
    Status.CANCELLED: ("release",),
    Status.EXPIRED: ("release",),
    Status.REJECTED: ("release",),
}
"""What products has heard of an order that stands there, in order. Each verb is safe to repeat."""


WHY_GONE: dict[type[Gone], str] = {
    Gone: "products let go of its goods, or sent them",
    StockDrift: "the books of products contradict it: run `manage.py reconcile` there",
}


def mend() -> Iterator[str]:
    """As `put_right`; also says that products could not be asked."""
    try:
        yield from put_right()
    except InventoryUnavailable as error:
        yield f"products could not be asked: {error}"


def put_right() -> Iterator[str]:
    """Put right what differs, and name what a person has to decide; safe to repeat, and while the shop runs.

    Raises `InventoryUnavailable`.
    """
    # Read in this order: of an order that moves meanwhile, orders then is the one that is ahead.
    live = set(Order.objects.filter(status__in=HOLDING, outbox="").values_list("pk", flat=True))
    held = dict(get_inventory().held())
    held_again: list[Order] = []
    stuck = Order.objects.stuck().owing()
    for ids in batches(sorted(live ^ {*held} | find_sent() | {*stuck.values_list("pk", flat=True)})):
        ordered = read_quantities(ids)
        for order in (Order.objects.filter(pk__in=ids, outbox="") | stuck.filter(pk__in=ids)).order_by("created_at"):
            yield from mend_order(order, ordered[order.pk], was_held=order.pk in held, held_again=held_again)
    yield from follow(held_again)
    yield from name_unknown(held)


def find_sent() -> set[UUID]:
    """The orders whose goods left or came back lately."""
    moved = Event.objects.filter(kind="order", at__gte=clock.now() - LOOK_BACK)
    found = moved.filter(what__in=[Status.SHIPPED, Status.RETURNED]).values_list("subject", flat=True)
    return {UUID(subject) for subject in found}


def mend_order(order: Order, ordered: dict[UUID, int], *, was_held: bool, held_again: list[Order]) -> Iterator[str]:
    """Tell products again what it has heard of an order, or follow where it is further than the order."""
    try:
        tell_again(order, ordered)
    except Gone as error:
        yield cancel(order) if order.status in HOLDING else name(order, WHY_GONE[type(error)])
    except NotReserved as error:
        yield name(order, f"products cannot hold its goods any more ({error.code}): {error.lines}")
    except OtherLines:
        yield name(order, "products holds other lines for it")
    else:
        if order.stuck:
            yield settle_stuck(order)
        elif was_held and order.status not in HOLDING and order.status in VERBS:
            yield note_told(order, "products heard it again")
        if not was_held and order.status in HOLDING:
            held_again.append(order)


@transaction.atomic(durable=True)
def settle_stuck(order: Order) -> str:
    """A stuck order owes nothing more, since products has heard all that led to its status."""
    found = Order.objects.stuck().filter(pk=order.pk, version=order.version, outbox=order.outbox)
    if not found.update(outbox="", stuck=""):
        return name(order, "it moved on meanwhile: run this again")

    Event.objects.record(order, "mended", by=BY, calls=order.outbox, why=order.stuck)
    return f"order {order.pk} is {order.status}, and was stuck: products heard again what it owed ({order.outbox})"


def tell_again(order: Order, ordered: dict[UUID, int]) -> None:
    """Make every call that led to the status of an order once more."""
    inventory = get_inventory()
    for verb in VERBS.get(order.status, ()):
        if verb == "reserve":
            # Without a price: it was sold at that of then.
            inventory.reserve(order.pk, [RequestedLine(*line) for line in sorted(ordered.items())])
        else:
            getattr(inventory, verb)(order.pk)


def follow(answered: list[Order]) -> Iterator[str]:
    """Of orders for which products answered a `reserve`: those that it holds now, and those whose goods had left."""
    held = {order_id for order_id, _ in get_inventory().held()} if answered else set()
    for order in answered:
        yield note_told(order, "held again") if order.pk in held else ship(order)


@transaction.atomic(durable=True)
def note_told(order: Order, what: str) -> str:
    """Record that products was told again what it had forgotten of an order, and say what came of it."""
    calls = " ".join(VERBS[order.status])
    Event.objects.record(order, "mended", by=BY, calls=calls, why="products had forgotten it")
    return f"order {order.pk} is {order.status}: {what}"


def cancel(order: Order) -> str:
    """Follow products, which let go of what it held: the order was cancelled, or expired, and forgot it."""
    was = order.status
    if not transitions.change_status(order, Status.CANCELLED, by=BY, why="products had let go of its goods"):
        return name(order, "it moved on meanwhile: run this again")

    try_calls(order.pk)
    money = "; look whether it was paid back" if was == Status.PAID else ""
    return f"order {order.pk} was {was}, but products had let go of its goods: cancelled{money}"


def ship(order: Order) -> str:
    """Follow products, which handed the goods over: the order was paid and shipped, and forgot it."""
    was = order.status
    steps = [Status.PAID, Status.SHIPPED] if was == Status.PLACED else [Status.SHIPPED]
    if not all(transitions.change_status(order, step, by=BY, why="the goods had left") for step in steps):
        return name(order, "it moved on meanwhile: run this again")

    try_calls(order.pk)
    money = name(order, "the reference of its payment is lost") if was == Status.PLACED else ""
    return f"order {order.pk} was {was}, but its goods had left: shipped" + (f"\n{money}" if money else "")


def name_unknown(held: dict[UUID, dict[UUID, int]]) -> Iterator[str]:
    """Those that products holds something for, and orders does not know."""
    for ids in batches(sorted(held)):
        known = set(Order.objects.filter(pk__in=ids).values_list("pk", flat=True))
        for order_id in [one for one in ids if one not in known]:
            goods = ", ".join(f"{units} of {product}" for product, units in held[order_id].items())
            yield f"PERSON: order {order_id} is unknown here, but products holds {goods} for it"


def release_unknown(order_id: UUID) -> str:
    """Let products have back what it holds for an order that orders does not know; raises `InventoryUnavailable`."""
    if Order.objects.filter(pk=order_id).exists():
        return f"order {order_id} is known here: cancel it, and its goods are let go"

    get_inventory().release(order_id)
    return f"order {order_id} is unknown here: what products held for it is let go"


def name(order: Order, why: str) -> str:
    """A sentence about an order that a person has to look at."""
    return f"PERSON: order {order.pk} ({order.number}) is {order.status}: {why}"
