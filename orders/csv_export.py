"""Orders written as CSV: a row per line, with what is known of its order."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from database.csv_writing import PLAIN, Form, Table, guard_formula
from orders.models import Line, Order
from orders.order_details import sum_lines
from wire.keyset import Ordering, Row, every_batch
from wire.money import write_amount

FIRST = ("number", "id", "status", "created_at", "placed_at", "customer_id", "customer_name", "customer_email")
LAST = ("payment_reference", "currency", "total")
OF_ORDER = (*FIRST, *(name for name in Order.SHOWN if name not in (*FIRST, *LAST)), *LAST, *Order.TOLD)
OF_LINE = ("product", "sku", "name", "quantity", "unit_price")
OLDEST = Ordering("oldest", ("created_at", "id"))
HEADER = [*("order" if name == "id" else name for name in OF_ORDER), *OF_LINE, "line_total"]


def export_orders(
    form: Form = PLAIN,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    statuses: Sequence[str] = (),
) -> Table:
    """Every line of every order, oldest first: of those created from `since` on, before `until`, in one of `statuses`.

    Amounts are decimals in the order's currency, times RFC 3339 in UTC; both are empty while the
    order is pending. Nothing in it is a formula to a spreadsheet, whatever the form.
    """
    wanted = {"created_at__gte": since, "created_at__lt": until, "status__in": statuses or None}
    orders = Order.objects.filter(**{name: value for name, value in wanted.items() if value is not None})
    return Table(HEADER, write_orders(orders), Line.objects.filter(order__in=orders).count)


def end_of(day: date) -> datetime:
    """When a day is over, in UTC; of the last day that there is, its last moment."""
    begin = datetime.combine(day, time(), UTC)
    return datetime.max.replace(tzinfo=UTC) if day == date.max else begin + timedelta(days=1)


def write_orders(orders: Any) -> Iterator[list[object]]:
    for batch in every_batch(orders.values(*OF_ORDER), OLDEST):
        lines = read_lines(order["id"] for order in batch)
        for order in batch:
            yield from write_lines(order, lines[order["id"]])


def read_lines(order_ids: Iterable[UUID]) -> dict[UUID, list[Row]]:
    """The lines of some orders, by order."""
    lines: dict[UUID, list[Row]] = {order_id: [] for order_id in order_ids}
    for line in Line.objects.filter(order__in=[*lines]).order_by("id").values("order", *OF_LINE):
        lines[line.pop("order")].append(line)
    return lines


def write_lines(order: Row, lines: list[Row]) -> Iterator[list[object]]:
    total = sum_lines((line["unit_price"], line["quantity"]) for line in lines)
    for line in lines:
        line_total = sum_lines([(line["unit_price"], line["quantity"])])
        cells = (*{**order, "total": total}.values(), *line.values(), line_total)
        yield [write_cell(value, order["currency"]) for value in cells]


def write_cell(value: object, currency: str) -> object:
    if isinstance(value, Decimal):
        return write_amount(value, currency)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"

    return guard_formula(value) if isinstance(value, str) else value
