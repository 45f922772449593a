"""The outbox of an order: calls owed to products, written with a change of status and made once that is committed."""

from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F

from database import clock
from orders.inventory import Gone, InventoryUnavailable, OtherLines, StockDrift, get_inventory
from orders.models import Event, Order
from wire.events import Actor

logger = structlog.get_logger(__name__)

REASONS: dict[type[Exception], str] = {
    Gone: "products holds nothing for it any more",
    StockDrift: "the books of products contradict it",
    OtherLines: "products holds other lines for it",
}
"""Why an order is stuck, as people read it."""


def make_calls(order_id: UUID) -> None:
    """Make each call that an order owes to products, and clear it. Safe to repeat.

    Raises `InventoryUnavailable`, or `Gone` if products cannot do it any more; that call and the rest stay owed.
    """
    calls = Order.objects.values_list("outbox", flat=True).get(pk=order_id)
    while calls:
        call, _, rest = calls.partition(" ")
        make_call(order_id, call)
        Order.objects.filter(pk=order_id, outbox=calls).update(outbox=rest, stuck="", tries=0, last_error="")
        calls = rest


def make_call(order_id: UUID, call: str) -> None:
    """Make one call to products; that it did not answer is written down, and goes up."""
    try:
        getattr(get_inventory(), call)(order_id)
    except InventoryUnavailable as error:
        note_failure(order_id, error)
        raise


def try_calls(order_id: UUID) -> None:
    """Make the calls that an order owes if products can be reached now; if not, the resolver will."""
    try:
        make_calls(order_id)
    except InventoryUnavailable as error:
        logger.warning("order_owes", order=str(order_id), error=repr(error))
    except Gone as error:
        note_stuck(order_id, error)


def note_failure(order_id: UUID, error: Exception) -> None:
    """Write down that products was asked in vain, for who looks why an order waits."""
    waiting = Order.objects.filter(pk=order_id)
    said = str(error) or REASONS.get(type(error), type(error).__name__)
    waiting.update(tries=F("tries") + 1, tried_at=clock.now(), last_error=said[:200])


def note_stuck(order_id: UUID, error: Exception) -> None:
    """Write down that an order is stuck, and why; told once, until it moves."""
    why = REASONS.get(type(error), type(error).__name__)
    note_failure(order_id, error)
    if Order.objects.filter(pk=order_id, stuck="").update(stuck=why):
        logger.error("order_stuck", order=str(order_id), error=repr(error))


@transaction.atomic(durable=True)
def write_off(order_id: UUID, *, why: str, by: Actor) -> bool:
    """Owe products nothing more for a stuck order, since a person has seen to it; whether it was stuck and owed."""
    order = Order.objects.stuck().owing().filter(pk=order_id).first()
    if not order:
        return False
    owing = Order.objects.filter(pk=order_id, outbox=order.outbox, version=order.version)
    if not owing.update(outbox="", stuck="", tries=0, last_error=""):
        return False

    Event.objects.record(order, "written off", by=by, calls=order.outbox, why=why)
    return True
