"""The resolver: finishes whatever a crash, an outage or the time has left unfinished."""

from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError

from orders import checkout, outbox, queries, transitions
from orders.inventory import Gone, InventoryUnavailable, OtherLines
from orders.lifecycle import Status
from orders.models import Order
from wire.events import SYSTEM

logger = structlog.get_logger(__name__)

BATCH = 1_000
"""Orders that one run expires or rejects."""


def settle_orders() -> dict[str, int]:
    """Settle each order that owes a call, or is pending past its lease: how many were settled, stuck and left.

    A stuck one wants a person. One is left, for the next run, when products did not answer for it;
    the others still have their turn, and where nobody answers at all, the breaker makes it short.
    """
    # Those past their deadline are rejected whether or not products can be reached.
    for order in list(Order.objects.overdue().order_by("created_at")[:BATCH]):
        checkout.reject_overdue_order(order)
    waiting = list(Order.objects.unsettled().order_by("created_at").values_list("pk", flat=True))
    tally = {"settled": 0, "stuck": 0, "left": 0}
    for order_id in waiting:
        tally[attempt(order_id)] += 1

    if waiting:
        logger.info("orders_settled", **tally)
    return tally


def attempt(order_id: UUID) -> str:
    """Try to settle an order, and say how it went. Whatever is wrong with one, the others have their turn."""
    try:
        settle(order_id)
    except InventoryUnavailable as error:
        logger.warning("inventory_unavailable", error=str(error))
        return "left"
    except (Gone, OtherLines) as error:
        # Known, and met again with each run until a person has looked at it: no traceback each time.
        logger.error("order_stuck", order=str(order_id), error=repr(error))
        return "stuck"
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.exception("order_stuck", order=str(order_id))
        return "stuck"
    return "settled"


def settle(order_id: UUID) -> None:
    """Go on where an order was left. Safe to repeat. Raises `InventoryUnavailable`, `Gone` or `OtherLines`."""
    order = queries.order_by_id.get(order_id=order_id)
    if order.status == Status.PENDING and Order.objects.acquire_lease(order_id):
        order = checkout.resume_order(order)
        if order.status == Status.PENDING:
            raise InventoryUnavailable("Products did not answer.")

    outbox.make_calls(order_id)


def expire_unpaid() -> int:
    """Expire the placed orders that nobody paid in time; how many. `settle_orders` then makes the calls they owe."""
    unpaid = list(Order.objects.unpaid().order_by("placed_at")[:BATCH])
    expired = sum(transitions.change_status(order, Status.EXPIRED, by=SYSTEM) for order in unpaid)
    if expired:
        logger.info("orders_expired", count=expired)
    return expired
