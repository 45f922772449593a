"""Placing an order: write it down, have products hold its lines, and say what came of it."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from operator import attrgetter
from typing import NamedTuple, TypeVar
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone

from orders import outbox, story
from orders.inventory import (
    Gone,
    InventoryUnavailable,
    NotReserved,
    OtherLines,
    RequestedLine,
    ReservedLine,
    get_inventory,
)
from orders.lifecycle import Status
from orders.models import LEASE, Order
from orders.story import Story
from wire.events import SYSTEM

T = TypeVar("T")
logger = structlog.get_logger(__name__)

MAX_LINES = 50
MAX_QUANTITY = 10_000


class Customer(NamedTuple):
    """Whoever orders, as their token says it; kept with the order."""

    sub: str
    name: str = ""
    email: str = ""
    client_id: str = ""


class BadLines(ValueError):
    """These lines are no order: none, too many, too much of a product, or two prices for one."""


def place_order(
    customer: Customer, lines: Iterable[RequestedLine], *, ship_to: str = "", order_id: UUID | None = None
) -> Order:
    """Order something, under an id of the caller's if there is one; never from inside a transaction.

    The order comes back placed; rejected, with the reason in `rejection`; cancelled, if somebody
    was that fast; or pending, if products cannot be reached. Raises `BadLines`.
    """
    opened = open_order(customer, merge(lines), ship_to=ship_to, order_id=order_id)
    return confirm(opened, attrgetter("order"))


def merge(lines: Iterable[RequestedLine]) -> list[RequestedLine]:
    """The lines with each product once, sorted by it; raises `BadLines`."""
    merged: dict[UUID, RequestedLine] = {}
    for line in lines:
        merged[line.product] = add(merged[line.product], line) if line.product in merged else line
    if not 1 <= len(merged) <= MAX_LINES:
        raise BadLines(f"An order has 1 to {MAX_LINES} products.")
    if not all(1 <= line.quantity <= MAX_QUANTITY for line in merged.values()):
        raise BadLines(f"An order takes 1 to {MAX_QUANTITY:,} of a product.")

    return [merged[product] for product in sorted(merged)]


def add(first: RequestedLine, second: RequestedLine) -> RequestedLine:
    """Two lines of one product as one."""
    prices = {line.price for line in (first, second)} - {None}
    if len(prices) > 1:
        raise BadLines("One product stands there at two prices.")

    return RequestedLine(first.product, first.quantity + second.quantity, prices.pop() if prices else None)


@transaction.atomic(durable=True)
def open_order(
    customer: Customer, lines: list[RequestedLine], *, ship_to: str = "", order_id: UUID | None = None
) -> Story:
    """Write a pending order down before products hears of it."""
    order = draft(customer, ship_to=ship_to)
    order.pk = order_id or order.pk
    return story.begin(order, lines, by=customer)


def draft(customer: Customer, *, ship_to: str) -> Order:
    """A pending order that is not written yet."""
    return Order(
        customer_id=customer.sub,
        customer_name=customer.name[:200],
        customer_email=customer.email[:254],
        ship_to=ship_to,
        lease_until=timezone.now() + LEASE,
    )


def resume(order: Order) -> Order:
    """Go on with an order that was left pending; one that waited too long is rejected."""
    return confirm(story.read(order), attrgetter("order"))


def give_up(order: Order) -> bool:
    """Reject a pending order for which nothing could be held; whether it was still pending."""
    opened = story.read(order)
    with transaction.atomic(durable=True):
        return reject(opened, refuse_late(opened))


def confirm(opened: Story, tell: Callable[[Story], T]) -> T:
    """Have products hold the lines of a pending order, and write down what came of it.

    `tell` is asked, in the transaction that does so, what to answer of the order as it then stands.
    Never from inside a transaction.
    """
    said = ask_products(opened)
    with transaction.atomic(durable=True):
        told = conclude(opened, said)
        answer = tell(told)
    if told is opened and told.order.owes:
        outbox.offer(told.order.pk)
    return answer


def ask_products(opened: Story) -> list[ReservedLine] | NotReserved | None:
    """What products says to the lines of a pending order: how it holds them, or why it never will; None if nothing."""
    order = opened.order
    if order.is_overdue:
        return refuse_late(opened)

    try:
        return get_inventory().reserve(order.pk, opened.wanted)
    except NotReserved as error:
        return error
    except Gone:
        # It was cancelled or rejected meanwhile; if not, nothing can be held for it any more.
        return refuse_late(opened)
    except InventoryUnavailable as error:
        logger.warning("order_waits", order=str(order.pk), error=repr(error))
    except OtherLines as error:
        # Nobody but a person can say which of the two are right.
        logger.error("order_stuck", order=str(order.pk), error=repr(error))
    return None


def refuse_late(opened: Story) -> NotReserved:
    """Nothing was held for an order in time, and never will be."""
    return NotReserved([{"product": str(line["product"])} for line in opened.lines])


def conclude(opened: Story, said: list[ReservedLine] | NotReserved | None) -> Story:
    """Write down what products said to a pending order, in the caller's transaction; the order as it then stands.

    Where it is pending no more, somebody was faster, and it owes a release already. Without an answer it
    is left to whoever comes next.
    """
    done = False
    if said is None:
        Order.objects.let_go(opened.order.pk)
    else:
        done = reject(opened, said) if isinstance(said, NotReserved) else place(opened, said)
    return opened if done else story.read(Order.objects.read(opened.order.pk))


def place(opened: Story, held: list[ReservedLine]) -> bool:
    """Confirm a pending order with what products holds for it, in the caller's transaction; whether it was pending."""
    total = sum((line.unit_price * line.quantity for line in held), Decimal(0))
    changes = {"placed_at": timezone.now(), "currency": held[0].currency, "total": total}
    if not Order.objects.move(opened.order, Status.PLACED, **changes):
        return False

    opened.price(held)
    opened.note(Status.PLACED, by=SYSTEM)
    return True


def reject(opened: Story, why: NotReserved) -> bool:
    """Refuse a pending order for good, in the caller's transaction; whether it was pending.

    It then owes the release of what may be held.
    """
    rejection = {"code": why.code, "lines": why.lines}
    if not Order.objects.move(opened.order, Status.REJECTED, rejection=rejection):
        return False

    opened.note(Status.REJECTED, by=SYSTEM, **rejection)
    return True
