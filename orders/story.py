"""An order with all that is told of it: read back, or still in hand from when it was written."""

from functools import cache
from typing import NamedTuple

from orders.inventory import Held, Wanted
from orders.life import Status
from orders.models import Event, Line, Order
from wire.events import EVENT_FIELDS, Actor
from wire.keyset import Row
from wire.statements import Change, Statement, insert, slots

LINE_FIELDS = ("product", "sku", "name", "quantity", "unit_price")
"""The columns that a line is written from."""


class Story(NamedTuple):
    """An order, its lines in the order of their products, and its events, oldest first."""

    order: Order
    lines: list[Row]
    events: list[Row]

    @property
    def wanted(self) -> list[Wanted]:
        """The lines as they were asked for."""
        return [Wanted(line["product"], line["quantity"], line["seen_price"]) for line in self.lines]

    def note(self, what: str, *, by: Actor, **facts: object) -> None:
        """Write down what happened to the order, in the caller's transaction."""
        event = Event.objects.record(self.order, what, by=by, **facts)
        self.events.append({field: getattr(event, field) for field in EVENT_FIELDS})

    def price(self, held: list[Held]) -> None:
        """Write down what each line was sold as, in the caller's transaction."""
        sold = {line.product: line for line in held}
        for line in self.lines:
            now = sold[line["product"]]
            line.update(sku=now.sku, name=now.name, unit_price=now.unit_price)
        pricing().run_each([(self.order.pk, line.product, line.sku, line.name, line.unit_price) for line in held])


def begin(order: Order, wanted: list[Wanted], *, by: Actor) -> Story:
    """Insert a pending order with its lines and its first event, in the caller's transaction."""
    insert([order])
    insert(Line(order=order, product=line.product, quantity=line.quantity, seen_price=line.price) for line in wanted)
    story = Story(order, [draft(line) for line in wanted], [])
    story.note(Status.PENDING, by=by)
    return story


def draft(line: Wanted) -> Row:
    """A line of which products has said nothing yet."""
    return {**dict.fromkeys(LINE_FIELDS), "product": line.product, "quantity": line.quantity, "seen_price": line.price}


def read(order: Order) -> Story:
    """The story of an order that is written."""
    return Story(order, lines_of().rows(order.pk), events_of().rows(str(order.pk)))


@cache
def lines_of() -> Statement:
    """The lines of one order."""
    [order] = slots(Line, "order")
    return Statement(Line.objects.filter(order=order).order_by("id").values(*LINE_FIELDS, "seen_price"))


@cache
def events_of() -> Statement:
    """The events of one order, oldest first."""
    [subject] = slots(Event, "subject")
    kind = Order._meta.model_name
    return Statement(Event.objects.filter(kind=kind, subject=subject).order_by("id").values(*EVENT_FIELDS))


@cache
def pricing() -> Change:
    """Write down what one product of an order was sold as."""
    order, product, sku, name, price = slots(Line, "order", "product", "sku", "name", "unit_price")
    return Change(Line.objects.filter(order=order, product=product), sku=sku, name=name, unit_price=price)
