"""What an order owes products: the verbs that its changes wrote down, said after they were committed."""

from uuid import UUID

import structlog

from orders.inventory import Gone, InventoryUnavailable, get_inventory
from orders.models import Order

logger = structlog.get_logger(__name__)


def pay(order_id: UUID) -> None:
    """Tell products each verb that an order owes, and clear it. Safe to repeat.

    Raises `InventoryUnavailable`, or `Gone` where products has nothing to do it with; the rest
    stays owed.
    """
    owed = Order.objects.values_list("owes", flat=True).get(pk=order_id)
    while owed:
        verb, _, rest = owed.partition(" ")
        getattr(get_inventory(), verb)(order_id)
        Order.objects.filter(pk=order_id, owes=owed).update(owes=rest)
        owed = rest


def offer(order_id: UUID) -> None:
    """Pay what an order owes if products can be reached now; if not, the resolver will."""
    try:
        pay(order_id)
    except (InventoryUnavailable, Gone) as error:
        logger.warning("order_owes", order=str(order_id), error=repr(error))
