"""An order with its lines and events, whether they were read or only now written."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from database import prepared
from orders.inventory import RequestedLine, ReservedLine
from orders.lifecycle import Status
from orders.models import Event, Line, Order
from wire.events import EVENT_FIELDS, Actor
from wire.keyset import Row

LINE_COLUMNS = ("product", "sku", "name", "seen_name", "quantity", "unit_price", "seen_price")
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
    def names(self) -> dict[str, str]:
        """What its products are called, by their ids; empty where that is not known."""
        return {str(line["product"]): line["name"] or line["seen_name"] for line in self.lines}

    @property
    def request_id(self) -> str:
        """The request that ended the waiting for products, or began it if the resolver ended it."""
        # An order begins pending, so its second event is what became of that.
        return self.events[1]["request_id"] or self.events[0]["request_id"]

    def row(self) -> Row:
        """The columns of the order that are shown, with its lines and events."""
        columns = {name: getattr(self.order, name) for name in (*Order.SHOWN, *Order.TOLD)}
        return {**columns, "lines": self.lines, "events": self.events}

    def row_as_placed(self) -> Row:
        """As `row`, of the moment in which the order was placed, whatever became of it since.

        What is shown of a placed order never changes, but for its status and further events.
        """
        told = dict.fromkeys(Order.TOLD, "")
        return {**self.row(), **told, "status": Status.PLACED.value, "events": self.events[:2]}

    def record_event(self, what: str, *, by: Actor, **facts: object) -> None:
        """Write down what happened to the order, in the caller's transaction."""
        event = Event.objects.record(self.order, what, by=by, **facts)
        self.events.append({column: getattr(event, column) for column in EVENT_COLUMNS})

    def set_names(self, names: Mapping[str, str]) -> None:
        """Write down what products calls what its buyer did not name, in the caller's transaction."""
        for row in self.lines:
            name = names.get(str(row["product"]), "")[:200]
            if name and not row["seen_name"]:
                row["seen_name"] = name
                Line.objects.filter(order=self.order, product=row["product"]).update(seen_name=name)

    def set_prices(self, reserved: list[ReservedLine]) -> None:
        """Write down what each line is sold as, in the caller's transaction."""
        sold = {line.product: {"sku": line.sku, "name": line.name, "unit_price": line.unit_price} for line in reserved}
        for row in self.lines:
            row.update(sold[row["product"]])
        update_price.many([{"order": self.order.pk, "product": product, **facts} for product, facts in sold.items()])


def sum_lines(lines: Iterable[tuple[Decimal | None, int]]) -> Decimal | None:
    """The total of lines, each a unit price and a quantity; None where something is not sold yet.

    The column `total` is not read: SQLite keeps 15 digits of a decimal, which a unit price fits and a total may not.
    """
    priced = list(lines)
    if any(price is None for price, _ in priced):
        return None

    return sum((price * quantity for price, quantity in priced if price is not None), Decimal(0))


NAMELESS: Mapping[UUID, str] = MappingProxyType({})


def insert_order(
    order: Order, lines: Sequence[RequestedLine], *, by: Actor, names: Mapping[UUID, str] = NAMELESS
) -> OrderDetails:
    """Insert a pending order with its lines and its first event, in the caller's transaction.

    `names` are what whoever ordered saw the products called, as far as that is known.
    """
    columns = [
        {
            "product": line.product,
            "quantity": line.quantity,
            "seen_price": line.price,
            "seen_name": names.get(line.product, "")[:200],
        }
        for line in lines
    ]
    prepared.insert_unanswered([order])
    prepared.insert_unanswered(Line(order=order, **values) for values in columns)
    details = OrderDetails(order, [{**dict.fromkeys(LINE_COLUMNS), **values} for values in columns], [])
    details.record_event(Status.PENDING, by=by)
    return details


@prepared.update(Line, order="order", product="product", sku="sku", name="name", unit_price="unit_price")
def update_price(order: Any, product: Any, **sold: Any) -> int:
    """Write down what one product of an order is sold as."""
    return Line.objects.filter(order=order, product=product).update(**sold)
