"""Orders written to a CSV file: a row per line, with what is known of its order."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from database.csv_files import escape_formula, write_csv
from orders.models import Line, Order
from wire.money import write_amount

FIRST = ("number", "id", "status", "created_at", "placed_at", "customer_id", "customer_name", "customer_email")
LAST = ("payment_reference", "currency", "total")
OF_ORDER = (*FIRST, *(name for name in Order.SHOWN if name not in (*FIRST, *LAST)), *LAST)
OF_LINE = ("product", "sku", "name", "quantity", "unit_price")
COLUMNS = [*(f"order__{name}" for name in OF_ORDER), *OF_LINE]
HEADER = [*("order" if name == "id" else name for name in OF_ORDER), *OF_LINE, "line_total"]


def export_orders(path: Path, *, quiet: bool = False) -> int:
    """Write every line of every order, oldest first; how many lines there were. Raises `OSError`.

    Amounts are decimals in the order's currency, times RFC 3339 in UTC; both are empty while the
    order is pending. Nothing in it is a formula to a spreadsheet.
    """
    lines = Line.objects.order_by("order__created_at", "order_id", "id")
    return write_csv(path, HEADER, write_lines(lines), total=lines.count(), quiet=quiet)


def write_lines(lines: Any) -> Iterator[list[object]]:
    for row in lines.values(*COLUMNS).iterator(2_000):
        price, currency = row["unit_price"], row["order__currency"]
        total = None if price is None else price * row["quantity"]
        yield [write_cell(value, currency) for value in (*row.values(), total)]


def write_cell(value: object, currency: str) -> object:
    if isinstance(value, Decimal):
        return write_amount(value, currency)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"

    return escape_formula(value) if isinstance(value, str) else value
