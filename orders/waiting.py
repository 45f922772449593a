"""Why an order waits: for whom, since when, what was tried, and what ends it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from database import clock
from orders.lifecycle import TRANSITIONS, Status
from orders.models import DEADLINE, PAYMENT_TERM, Event, Lease, Order

CALLS = {
    "release": "let go of the goods that are held for it",
    "fulfil": "take its goods out of the stock",
    "take_back": "put its goods back into the stock",
}
"""What products does when it is called, in words."""
OWED_SINCE = {step.call: step.after for step in TRANSITIONS if step.call != "release"}
LATE = timedelta(minutes=1)
"""After how long a try that was due counts as one that nobody makes."""


class Wait(NamedTuple):
    """Why an order waits."""

    what: str
    since: datetime
    owed: list[str] = []
    """What products has yet to do for it, in words."""
    is_stuck: bool = False
    next_try: datetime | None = None
    is_late: bool = False
    """Whether the next try was due a while ago: no worker runs."""
    ends: datetime | None = None
    """When it ends by itself, and `end` how, without the time."""
    end: str = ""


def describe_calls(outbox: str) -> list[str]:
    """What an order owes products, in words."""
    return [CALLS.get(call, call) for call in outbox.split()]


def explain_wait(order: Order, events: Sequence[Event]) -> Wait | None:
    """Why an order waits, by its row and its events, oldest first; None where it is done with."""
    if order.stuck or order.outbox:
        return wait_for_products(order, events)
    if order.status == Status.PENDING:
        return wait_to_be_held(order)

    since = max((event.at for event in events if event.what == order.status), default=order.created_at)
    if order.status == Status.PLACED:
        ends = (order.placed_at or since) + PAYMENT_TERM
        return Wait("It waits to be paid.", since, ends=ends, end="It expires if it is not paid")
    if order.status == Status.PAID:
        return Wait("It is paid, and waits to be shipped.", since)
    if order.status == Status.SHIPPED:
        return Wait("It is on its way to the customer, and waits to be marked as delivered.", since)

    return None


def wait_for_products(order: Order, events: Sequence[Event]) -> Wait:
    what = f"It is stuck: {order.stuck}." if order.stuck else "It waits for products, which did not answer yet."
    since = find_owed_since(order, events)
    next_try, is_late = find_next_try("retry" if order.stuck else "settle")
    return Wait(what, since, describe_calls(order.outbox), bool(order.stuck), next_try, is_late)


def wait_to_be_held(order: Order) -> Wait:
    next_try, is_late = find_next_try("settle")
    return Wait(
        "It waits for products to hold its goods.",
        order.created_at,
        ["hold its goods"],
        next_try=next_try,
        is_late=is_late,
        ends=order.created_at + DEADLINE,
        end="It is refused if nothing can be held for it",
    )


def find_owed_since(order: Order, events: Sequence[Event]) -> datetime:
    """When the first of the calls that an order owes was written down, or its last change of status."""
    first = OWED_SINCE.get(order.outbox.partition(" ")[0], order.status)
    return max((event.at for event in events if event.what == first), default=order.created_at)


def find_next_try(job: str) -> tuple[datetime | None, bool]:
    """When a job of orders runs next, and whether that was due a while ago; None if it never ran."""
    until = Lease.objects.filter(job=job).values_list("until", flat=True).first()
    return until, until is None or until < clock.now() - LATE
