"""Reading orders: lists of them, one by its id, and their lines and events."""

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from database.prepared import Objects, Statement, slots
from orders.lifecycle import Caller
from orders.models import Event, Line, Order
from orders.order_details import EVENT_COLUMNS, LINE_COLUMNS, OrderDetails
from wire.keyset import Ordering, Page, Recipe, Row, paginate_again

if TYPE_CHECKING:
    from django.db.models import QuerySet

SIZES = (1, 20, 100)
"""Of how many orders the lines are read by one statement: few, so that few are prepared."""
NEWEST = Ordering("newest", ("created_at", "id"), descending=True)


class NoSuchOrder(Exception):
    """There is no such order, or none that the caller may see."""


def list_orders(*, customer_id: str | None, status: str = "", cursor: str | None, limit: int) -> Page:
    """One page of orders with their lines, newest first: those of one customer, or everyone's (None).

    Raises `wire.keyset.InvalidCursor`.
    """
    recipe, values = Recipe(build_list, (customer_id is None, status)), () if customer_id is None else (customer_id,)
    page = paginate_again(recipe, NEWEST, cursor=cursor, limit=limit, values=values)
    lines = find_lines(row["id"] for row in page.rows)
    return page._replace(rows=[{**row, "lines": lines[row["id"]]} for row in page.rows])


def build_list(search: tuple[bool, str]) -> "QuerySet[Order, Row]":
    """The rows of a list of orders, in no order yet."""
    is_everyones, status = search
    rows = Order.objects.all() if is_everyones else Order.objects.filter(customer_id=slots(Order, "customer_id")[0])
    return (rows.filter(status=status) if status else rows).values(*Order.SHOWN)


def get_visible_details(order_id: UUID, *, caller: Caller) -> OrderDetails:
    """An order that the caller may see; raises `NoSuchOrder`."""
    order = Order.objects.visible_to(caller).filter(pk=order_id).first()
    if not order:
        raise NoSuchOrder

    return get_details(order)


def get_details(order: Order) -> OrderDetails:
    """An order that was read, with its lines and events."""
    return OrderDetails(order, find_lines([order.pk])[order.pk], events_of().rows(str(order.pk)))


def get_order(order_id: UUID) -> Order:
    """An order as it is now; raises `Order.DoesNotExist`."""
    return order_by_id().get(order_id)


@cache
def order_by_id() -> Objects[Order]:
    """One order."""
    [key] = slots(Order, "id")
    return Objects(Order.objects.filter(pk=key).order_by())


def find_lines(order_ids: Iterable[UUID]) -> dict[UUID, list[Row]]:
    """The lines of some orders, at most a hundred, by order."""
    lines: dict[UUID, list[Row]] = {order_id: [] for order_id in order_ids}
    if lines:
        size = next(size for size in SIZES if size >= len(lines))
        # The slots that are left over are filled with an order that is there already.
        rest = [next(iter(lines))] * (size - len(lines))
        for line in lines_of(size).rows(*lines, *rest):
            lines[line["order_id"]].append(line)
    return lines


@cache
def lines_of(size: int) -> Statement:
    """The lines of so many orders."""
    keys: list[Any] = slots(Order, *["id"] * size)
    return Statement(Line.objects.filter(order__id__in=keys).order_by("id").values("order_id", *LINE_COLUMNS))


@cache
def events_of() -> Statement:
    """The events of one order, oldest first."""
    [subject] = slots(Event, "subject")
    kind = Order._meta.model_name
    return Statement(Event.objects.filter(kind=kind, subject=subject).order_by("id").values(*EVENT_COLUMNS))
