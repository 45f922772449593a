"""What is told of orders: read from the database, or still in hand from when it was written."""

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from database.prepared import Change, Statement, insert, slots
from orders.inventory import RequestedLine, ReservedLine
from orders.lifecycle import Status
from orders.models import Event, Line, Order
from wire.events import EVENT_FIELDS, Actor
from wire.keyset import Ordering, Page, Recipe, Row, paginate_again

if TYPE_CHECKING:
    from django.db.models import QuerySet

FIELDS = (
    "id",
    "number",
    "status",
    "customer_id",
    "customer_name",
    "customer_email",
    "created_at",
    "placed_at",
    "total",
    "currency",
    "ship_to",
)
"""The columns that an order is written from."""
LINE_FIELDS = ("product", "sku", "name", "quantity", "unit_price")
"""The columns that a line is written from."""
SIZES = (1, 20, 100)
"""Of how many orders the lines are read by one statement: few, so that few are prepared."""
NEWEST = Ordering("newest", ("created_at", "id"), descending=True)


class Story(NamedTuple):
    """An order, its lines in the order of their products, and its events, oldest first."""

    order: Order
    lines: list[Row]
    events: list[Row]

    @property
    def wanted(self) -> list[RequestedLine]:
        """The lines as they were asked for."""
        return [RequestedLine(line["product"], line["quantity"], line["seen_price"]) for line in self.lines]

    def note(self, what: str, *, by: Actor, **facts: object) -> None:
        """Write down what happened to the order, in the caller's transaction."""
        event = Event.objects.record(self.order, what, by=by, **facts)
        self.events.append({field: getattr(event, field) for field in EVENT_FIELDS})

    def price(self, held: list[ReservedLine]) -> None:
        """Write down what each line was sold as, in the caller's transaction."""
        sold = {line.product: line for line in held}
        for line in self.lines:
            now = sold[line["product"]]
            line.update(sku=now.sku, name=now.name, unit_price=now.unit_price)
        pricing().run_each([(self.order.pk, line.product, line.sku, line.name, line.unit_price) for line in held])


def begin(order: Order, wanted: list[RequestedLine], *, by: Actor) -> Story:
    """Insert a pending order with its lines and its first event, in the caller's transaction."""
    insert([order])
    insert(Line(order=order, product=line.product, quantity=line.quantity, seen_price=line.price) for line in wanted)
    story = Story(order, [draft(line) for line in wanted], [])
    story.note(Status.PENDING, by=by)
    return story


def draft(line: RequestedLine) -> Row:
    """A line of which products has said nothing yet."""
    return {**dict.fromkeys(LINE_FIELDS), "product": line.product, "quantity": line.quantity, "seen_price": line.price}


@cache
def pricing() -> Change:
    """Write down what one product of an order was sold as."""
    order, product, sku, name, price = slots(Line, "order", "product", "sku", "name", "unit_price")
    return Change(Line.objects.filter(order=order, product=product), sku=sku, name=name, unit_price=price)


# Reading ----------------------------------------------------------------------------------------


def browse(*, whose: str | None, status: str = "", cursor: str | None, limit: int) -> Page:
    """One page of orders, newest first, as rows of `FIELDS`: those of one customer, or everyone's (None).

    Raises `wire.keyset.InvalidCursor`.
    """
    recipe, values = Recipe(find, (whose is None, status)), () if whose is None else (whose,)
    return paginate_again(recipe, NEWEST, cursor=cursor, limit=limit, values=values)


def find(search: tuple[bool, str]) -> "QuerySet[Order, Row]":
    """The rows of a list of orders, in no order yet."""
    is_everyones, status = search
    rows = Order.objects.all() if is_everyones else Order.objects.filter(customer_id=slots(Order, "customer_id")[0])
    return (rows.filter(status=status) if status else rows).values(*FIELDS)


def read(order: Order) -> Story:
    """The story of an order that is written."""
    return Story(order, read_lines([order.pk])[order.pk], events_of().rows(str(order.pk)))


def read_lines(order_ids: Iterable[UUID]) -> dict[UUID, list[Row]]:
    """The lines of some orders, at most a hundred, as rows of `LINE_FIELDS` and what products was asked for."""
    lines: dict[UUID, list[Row]] = {order_id: [] for order_id in order_ids}
    if lines:
        size = next(size for size in SIZES if size >= len(lines))
        # What is left of the room is filled with one that is there already.
        room = [next(iter(lines))] * (size - len(lines))
        for line in lines_of(size).rows(*lines, *room):
            lines[line["order_id"]].append(line)
    return lines


@cache
def lines_of(size: int) -> Statement:
    """The lines of so many orders."""
    keys: list[Any] = slots(Order, *["id"] * size)
    return Statement(
        Line.objects.filter(order__id__in=keys).order_by("id").values("order_id", *LINE_FIELDS, "seen_price")
    )


@cache
def events_of() -> Statement:
    """The events of one order, oldest first."""
    [subject] = slots(Event, "subject")
    kind = Order._meta.model_name
    return Statement(Event.objects.filter(kind=kind, subject=subject).order_by("id").values(*EVENT_FIELDS))
