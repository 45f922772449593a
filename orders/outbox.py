"""The outbox of an order: calls owed to products, written with a change of status and made once that is committed."""

from uuid import UUID

import structlog

from orders.inventory import Gone, InventoryUnavailable, get_inventory
from orders.models import Order

logger = structlog.get_logger(__name__)


def make_calls(order_id: UUID) -> None:
    """Make each call that an order owes to products, and clear it. Safe to repeat.

    Raises `InventoryUnavailable`, or `Gone` if products cannot do it any more; that call and the rest stay owed.
    """
    calls = Order.objects.values_list("outbox", flat=True).get(pk=order_id)
    while calls:
        call, _, rest = calls.partition(" ")
        getattr(get_inventory(), call)(order_id)
        Order.objects.filter(pk=order_id, outbox=calls).update(outbox=rest)
        calls = rest


def try_calls(order_id: UUID) -> None:
    """Make the calls that an order owes if products can be reached now; if not, the resolver will."""
    try:
        make_calls(order_id)
    except (InventoryUnavailable, Gone) as error:
        logger.warning("order_owes", order=str(order_id), error=repr(error))
