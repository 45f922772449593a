"""Reading orders: lists of them, one by its id, and their lines and events."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from database import prepared
from orders.lifecycle import Caller
from orders.models import Event, Line, Order
from orders.order_details import EVENT_COLUMNS, LINE_COLUMNS, OrderDetails
from wire.keyset import Ordering, Page, Row, kept_list, paginate
from wire.text import order_number

SIZES = (1, 20, 100)
"""Of how many orders the lines are read by one statement: few, so that few are prepared."""
NEWEST = Ordering("newest", ("created_at", "id"), descending=True)


class NoSuchOrder(Exception):
    """There is no such order, or none that the caller may see."""


def list_orders(*, customer_id: str | None, status: str = "", cursor: str | None = None, limit: int) -> Page:
    """One page of orders with lines, newest first: a customer's or everyone's (None). Raises `keyset.InvalidCursor`."""
    filters = {} if customer_id is None else {"customer_id": customer_id}
    return with_lines(
        orders_by.page(NEWEST, cursor=cursor, limit=limit, search=(customer_id is None, status), **filters)
    )


def search_orders(*, customer_id: str, words: str, status: str, cursor: str | None, limit: int) -> Page:
    """As `list_orders`, of a customer's orders whose number begins with some words, or a product of which is called so.

    Reads what one customer has, and no more.
    """
    if not words:
        return list_orders(customer_id=customer_id, status=status, cursor=cursor, limit=limit)

    named = Q(name__icontains=words) | Q(seen_name__icontains=words)
    holding = Line.objects.filter(named, order__customer_id=customer_id).values("order_id")
    found = Order.objects.placed_by(customer_id).filter(Q(number__startswith=order_number(words)) | Q(pk__in=holding))
    rows = (found.filter(status=status) if status else found).values(*Order.SHOWN, *Order.TOLD)
    page = paginate(rows, NEWEST, cursor=cursor, limit=limit, filters=[customer_id, words, status])
    return with_lines(page)


def with_lines(page: Page) -> Page:
    """A page of orders, each with its lines."""
    lines = find_lines(row["id"] for row in page.rows)
    return page._replace(rows=[{**row, "lines": lines[row["id"]]} for row in page.rows])


@kept_list(Order, customer_id="customer_id")
def orders_by(search: tuple[bool, str], customer_id: Any = None) -> "QuerySet[Order, Row]":
    """The rows of a list of orders, in no order yet."""
    is_everyones, status = search
    rows = Order.objects.all() if is_everyones else Order.objects.filter(customer_id=customer_id)
    return (rows.filter(status=status) if status else rows).values(*Order.SHOWN, *Order.TOLD)


def find_order(order_id: UUID, *, caller: Caller, scopes: Iterable[str] = ("orders:manage",)) -> Order:
    """One's own order; anyone's for whoever has one of the scopes. Raises `NoSuchOrder`."""
    order = Order.objects.open_to(caller, scopes=scopes).filter(pk=order_id).first()
    if not order:
        raise NoSuchOrder

    return order


LATEST = 20
"""Orders of a customer that are looked through for an address."""


def last_address(customer_id: str) -> str:
    """Where the last order of a customer went that says so."""
    latest = Order.objects.placed_by(customer_id).values_list("ship_to", flat=True)[:LATEST]
    return next(filter(None, latest), "")


def get_details(order: Order) -> OrderDetails:
    """An order that was read, with its lines and events."""
    return OrderDetails(order, find_lines([order.pk])[order.pk], events_of(subject=str(order.pk)))


@prepared.objects(Order, order_id="id")
def order_by_id(order_id: Any) -> "QuerySet[Order]":
    return Order.objects.filter(pk=order_id).order_by()


def find_lines(order_ids: Iterable[UUID]) -> dict[UUID, list[Row]]:
    """The lines of some orders, at most a hundred, by order."""
    lines: dict[UUID, list[Row]] = {order_id: [] for order_id in order_ids}
    if lines:
        size = next(size for size in SIZES if size >= len(lines))
        # The places that are left over are filled with an order that is there already.
        rest = [next(iter(lines))] * (size - len(lines))
        for line in lines_of(order_ids=[*lines, *rest]):
            lines[line["order_id"]].append(line)
    return lines


@prepared.rows(Line, order_ids=["order"])
def lines_of(order_ids: list[Any]) -> "QuerySet[Line, Row]":
    return Line.objects.filter(order__id__in=order_ids).order_by("id").values("order_id", *LINE_COLUMNS)


@prepared.rows(Event, subject="subject")
def events_of(subject: Any) -> "QuerySet[Event, Row]":
    """The events of one order, oldest first."""
    kind = Order._meta.model_name
    return Event.objects.filter(kind=kind, subject=subject).order_by("id").values(*EVENT_COLUMNS)
