"""The resolver: finishes whatever a crash, an outage or the time has left unfinished."""

import time
from datetime import datetime
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError

from database import clock
from orders import checkout, outbox, queries, transitions
from orders.inventory import Gone, InventoryUnavailable, OtherLines
from orders.lifecycle import Status
from orders.models import Order
from wire.events import SYSTEM

logger = structlog.get_logger(__name__)

BATCH = 1_000
"""Orders that one run settles, expires or rejects."""
PASS = 20.0
"""Seconds that one run takes, about; it ends well before its lease."""
GIVE_UP = 5
"""Orders in a row for which products does not answer before a run ends."""

_position: datetime | None = None
"""When the last order that this process tried was made: the next run begins after it, so that each has its turn."""


def settle_orders() -> dict[str, int]:
    """Settle orders that owe a call, or are pending past their lease: how many were settled, stuck and left.

    A stuck one wants a person, and is tried again by `retry_stuck`. One is left, for the next run, when products did
    not answer for it, or the time was over; where nobody answers several in a row, all others are.
    """
    ends = time.monotonic() + PASS
    # Those past their deadline are rejected whether or not products can be reached.
    for order in Order.objects.overdue().order_by("created_at")[:BATCH]:
        if time.monotonic() < ends:
            checkout.reject_overdue_order(order)
    return settle_all(find_due(), ends)


def retry_stuck() -> dict[str, int]:
    """Try once more the orders that are stuck: somebody may have put products right."""
    found = Order.objects.stuck().order_by("?").values_list("pk", "created_at")[:BATCH]
    return settle_all(list(found), time.monotonic() + PASS, moves_on=False)


def find_due() -> list[tuple[UUID, datetime]]:
    """Orders to be settled, oldest first, but after those of the last run."""
    due = Order.objects.due().order_by("created_at").values_list("pk", "created_at")
    found = list(due.filter(created_at__gt=_position)[:BATCH]) if _position else []
    seen = {pk for pk, _ in found}
    return found + [row for row in due[: BATCH - len(found)] if row[0] not in seen]


def settle_all(found: list[tuple[UUID, datetime]], ends: float, *, moves_on: bool = True) -> dict[str, int]:
    """Settle some orders until the time is over or products does not answer; what came of it, told once."""
    global _position  # noqa: PLW0603 - one for the process
    tally, unanswered = {"settled": 0, "stuck": 0, "left": 0}, 0
    for order_id, created_at in found:
        if unanswered == GIVE_UP or time.monotonic() >= ends:
            break
        result = attempt(order_id)
        tally[result] += 1
        unanswered = unanswered + 1 if result == "left" else 0
        if moves_on:
            _position = created_at
    tally["left"] = len(found) - tally["settled"] - tally["stuck"]
    if found:
        logger.info("orders_settled", **tally)
    return tally


def attempt(order_id: UUID) -> str:
    """Try to settle an order, and say how it went. Whatever is wrong with one, the others have their turn."""
    try:
        settle(order_id)
    except InventoryUnavailable:
        return "left"
    except (Gone, OtherLines) as error:
        outbox.note_stuck(order_id, error)
        return "stuck"
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        logger.exception("order_failed", order=str(order_id))
        outbox.note_stuck(order_id, error)
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
    """Expire the placed orders that nobody paid in time; how many. `settle_orders` then makes the calls they owe.

    Raises `ClockDiffers` on a machine whose clock is wrong.
    """
    clock.check()
    unpaid = list(Order.objects.unpaid().order_by("placed_at")[:BATCH])
    expired = sum(transitions.change_status(order, Status.EXPIRED, by=SYSTEM) for order in unpaid)
    if expired:
        logger.info("orders_expired", count=expired)
    return expired
