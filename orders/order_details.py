"""An order with its lines and events, whether they were read or only now written."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from database import prepared
from orders.inventory import RequestedLine, ReservedLine
from orders.lifecycle import Status
from orders.models import Event, Line, Order
from wire.events import EVENT_FIELDS, Actor
from wire.keyset import Row

LINE_COLUMNS = ("product", "sku", "name", "quantity", "unit_price", "seen_price")
EVENT_COLUMNS = (*EVENT_FIELDS, "request_id")


class OrderDetails(NamedTuple):
    """An order, its lines in the order of their products, and its events, oldest first."""

    order: Order
    lines: list[Row]
    events: list[Row]

    @property
    def is_pending(self) -> bool:
        return self.order.status == Status.PENDING

    @property
    def requested_lines(self) -> list[RequestedLine]:
        return [RequestedLine(line["product"], line["quantity"], line["seen_price"]) for line in self.lines]

    @property
    def refusal(self) -> dict[str, Any] | None:
        """Why the order was never placed, a `code` and the facts of `lines`; None if it was, or still may be."""
        if self.is_pending or self.order.placed_at:
            return None

        return self.order.rejection or {"code": "cancelled", "lines": []}

    @property
    def request_id(self) -> str:
        """The request that ended the waiting for products, or began it if the resolver ended it."""
        # An order begins pending, so its second event is what became of that.
        return self.events[1]["request_id"] or self.events[0]["request_id"]

    def row(self) -> Row:
        """The columns of the order that are shown, with its lines and events."""
        columns = {name: getattr(self.order, name) for name in Order.SHOWN}
        return {**columns, "lines": self.lines, "events": self.events}

    def row_as_placed(self) -> Row:
        """As `row`, of the moment in which the order was placed, whatever became of it since.

        What is shown of a placed order never changes, but for its status and further events.
        """
        return {**self.row(), "status": Status.PLACED.value, "events": self.events[:2]}

    def record_event(self, what: str, *, by: Actor, **facts: object) -> None:
        """Write down what happened to the order, in the caller's transaction."""
        event = Event.objects.record(self.order, what, by=by, **facts)
        self.events.append({column: getattr(event, column) for column in EVENT_COLUMNS})

    def set_prices(self, reserved: list[ReservedLine]) -> None:
        """Write down what each line is sold as, in the caller's transaction."""
        sold = {line.product: {"sku": line.sku, "name": line.name, "unit_price": line.unit_price} for line in reserved}
        for row in self.lines:
            row.update(sold[row["product"]])
        update_price.many([{"order": self.order.pk, "product": product, **facts} for product, facts in sold.items()])


def insert_order(order: Order, lines: Sequence[RequestedLine], *, by: Actor) -> OrderDetails:
    """Insert a pending order with its lines and its first event, in the caller's transaction."""
    columns = [{"product": line.product, "quantity": line.quantity, "seen_price": line.price} for line in lines]
    prepared.insert([order])
    prepared.insert(Line(order=order, **values) for values in columns)
    details = OrderDetails(order, [{**dict.fromkeys(LINE_COLUMNS), **values} for values in columns], [])
    details.record_event(Status.PENDING, by=by)
    return details


@prepared.update(Line, order="order", product="product", sku="sku", name="name", unit_price="unit_price")
def update_price(order: Any, product: Any, **sold: Any) -> int:
    """Write down what one product of an order is sold as."""
    return Line.objects.filter(order=order, product=product).update(**sold)
