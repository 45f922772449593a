"""Placing an order: write it down, have products hold its lines, and say what came of it."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import cache
from typing import NamedTuple
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone

from orders import debts
from orders.inventory import Facts, Gone, Held, InventoryUnavailable, NotReserved, OtherLines, Wanted, get_inventory
from orders.life import Status
from orders.models import LEASE, Event, Line, Order
from wire.events import SYSTEM
from wire.statements import Change, insert, slots

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
    customer: Customer, lines: Iterable[Wanted], *, ship_to: str = "", order_id: UUID | None = None
) -> Order:
    """Order something, under an id of the caller's if there is one; never from inside a transaction.

    The order comes back placed; rejected, with the reason in `rejection`; cancelled, if somebody
    was that fast; or pending, if products cannot be reached. Raises `BadLines`.
    """
    asked = merge(lines)
    return confirm(open_order(customer, asked, ship_to=ship_to, order_id=order_id), asked)


def merge(lines: Iterable[Wanted]) -> list[Wanted]:
    """The lines with each product once, sorted by it; raises `BadLines`."""
    merged: dict[UUID, Wanted] = {}
    for line in lines:
        merged[line.product] = add(merged[line.product], line) if line.product in merged else line
    if not 1 <= len(merged) <= MAX_LINES:
        raise BadLines(f"An order has 1 to {MAX_LINES} products.")
    if not all(1 <= line.quantity <= MAX_QUANTITY for line in merged.values()):
        raise BadLines(f"An order takes 1 to {MAX_QUANTITY:,} of a product.")

    return [merged[product] for product in sorted(merged)]


def add(first: Wanted, second: Wanted) -> Wanted:
    """Two lines of one product as one."""
    prices = {line.price for line in (first, second)} - {None}
    if len(prices) > 1:
        raise BadLines("One product stands there at two prices.")

    return Wanted(first.product, first.quantity + second.quantity, prices.pop() if prices else None)


@transaction.atomic(durable=True)
def open_order(
    customer: Customer, lines: Sequence[Wanted], *, ship_to: str = "", order_id: UUID | None = None
) -> Order:
    """Write a pending order down before products hears of it."""
    order = draft(customer, ship_to=ship_to)
    order.pk = order_id or order.pk
    write_order(order, lines, by=customer)
    return order


def draft(customer: Customer, *, ship_to: str) -> Order:
    """A pending order that is not written yet."""
    return Order(
        customer_id=customer.sub,
        customer_name=customer.name[:200],
        customer_email=customer.email[:254],
        ship_to=ship_to,
        lease_until=timezone.now() + LEASE,
    )


def write_order(order: Order, lines: Sequence[Wanted], *, by: Customer) -> None:
    """Insert an order with its lines and its first event, in the caller's transaction."""
    insert([order])
    insert(Line(order=order, product=line.product, quantity=line.quantity, seen_price=line.price) for line in lines)
    Event.objects.record(order, Status.PENDING, by=by)


def resume(order: Order) -> Order:
    """Go on with an order that was left pending; one that waited too long is rejected."""
    if not order.is_overdue:
        return confirm(order, read_lines(order))

    if give_up(order):
        debts.offer(order.pk)
    return Order.objects.read(order.pk)


def give_up(order: Order) -> bool:
    """Reject a pending order for which nothing could be held; whether it was still pending."""
    lines = [{"product": str(product)} for product in order.lines.values_list("product", flat=True)]
    return write_rejection(order, NotReserved.code, lines)


def confirm(order: Order, lines: Sequence[Wanted]) -> Order:
    """Have products hold the lines of a pending order; the order as it then stands."""
    try:
        held = get_inventory().reserve(order.pk, lines)
    except InventoryUnavailable as error:
        postpone(order, error)
    except NotReserved as error:
        reject(order, error.code, error.lines)
    except Gone:
        # It was cancelled or rejected meanwhile; if not, nothing can be held for it any more.
        if give_up(order):
            debts.offer(order.pk)
    except OtherLines as error:
        # Nobody but a person can say which of the two are right.
        logger.error("order_stuck", order=str(order.pk), error=repr(error))
        postpone(order, error)
    else:
        place(order, held)
    return Order.objects.read(order.pk)


def read_lines(order: Order) -> list[Wanted]:
    """The lines of an order as it was asked for."""
    return [Wanted(*row) for row in order.lines.values_list("product", "quantity", "seen_price")]


def postpone(order: Order, error: Exception) -> None:
    """Leave an order pending, for whoever comes next."""
    logger.warning("order_waits", order=str(order.pk), error=repr(error))
    Order.objects.let_go(order.pk)


@transaction.atomic(durable=True)
def place(order: Order, held: Sequence[Held]) -> bool:
    """Confirm a pending order with what products holds for it; whether it was still pending.

    If it was not, it owes a release already.
    """
    total = sum((line.unit_price * line.quantity for line in held), Decimal(0))
    changes = {"placed_at": timezone.now(), "currency": held[0].currency, "total": total}
    if not Order.objects.move(order, Status.PLACED, **changes):
        return False

    write_prices(order, held)
    Event.objects.record(order, Status.PLACED, by=SYSTEM)
    return True


def write_prices(order: Order, held: Sequence[Held]) -> None:
    """Keep what each line was sold as."""
    pricing().run_each([(order.pk, line.product, line.sku, line.name, line.unit_price) for line in held])


@cache
def pricing() -> Change:
    """Write down what one product of an order was sold as."""
    order, product, sku, name, price = slots(Line, "order", "product", "sku", "name", "unit_price")
    return Change(Line.objects.filter(order=order, product=product), sku=sku, name=name, unit_price=price)


def reject(order: Order, code: str, lines: Facts) -> None:
    """Refuse a pending order for good, and let go of whatever may be held for it."""
    if write_rejection(order, code, lines):
        debts.offer(order.pk)


@transaction.atomic(durable=True)
def write_rejection(order: Order, code: str, lines: Facts) -> bool:
    rejection = {"code": code, "lines": lines}
    if not Order.objects.move(order, Status.REJECTED, rejection=rejection):
        return False

    Event.objects.record(order, Status.REJECTED, by=SYSTEM, **rejection)
    return True
