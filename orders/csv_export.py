"""Orders written to a CSV file: a row per line, with what is known of its order."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from database.csv_files import defuse, write_table
from orders.models import Line
from wire.keyset import Row
from wire.money import write_amount

CHUNK = 2_000
OF_ORDER = (
    "number",
    "id",
    "status",
    "created_at",
    "placed_at",
    "customer_id",
    "customer_name",
    "customer_email",
    "ship_to",
    "payment_reference",
    "currency",
    "total",
)
OF_LINE = ("product", "sku", "name", "quantity", "unit_price")
COLUMNS = [*(f"order__{name}" for name in OF_ORDER), *OF_LINE]
HEADER = [*("order" if name == "id" else name for name in OF_ORDER), *OF_LINE, "line_total"]
WORDS = ("order__customer_name", "order__customer_email", "order__ship_to", "order__payment_reference", "sku", "name")
"""What people outside wrote, or may have."""


def export_orders(path: Path, *, quiet: bool = False) -> int:
    """Write every line of every order, oldest first; how many lines there were. Raises `OSError`.

    Amounts are decimals in the order's currency, times RFC 3339 in UTC; both are empty while the
    order is pending. Nothing in it is a formula to a spreadsheet.
    """
    lines = Line.objects.order_by("order__created_at", "order_id", "id")
    return write_table(path, HEADER, read_rows(lines), total=lines.count(), quiet=quiet)


def read_rows(lines: Any) -> Iterator[list[object]]:
    for row in lines.values(*COLUMNS).iterator(CHUNK):
        yield write_row(row)


def write_row(row: Row) -> list[object]:
    currency, price = row["order__currency"], row["unit_price"]
    amounts = {"order__total": row["order__total"], "unit_price": price}
    amounts["line_total"] = None if price is None else price * row["quantity"]
    times = {
        name: row[name] and f"{row[name]:%Y-%m-%dT%H:%M:%SZ}" for name in ("order__created_at", "order__placed_at")
    }
    written = {name: "" if amount is None else write_amount(amount, currency) for name, amount in amounts.items()}
    words = {name: defuse(row[name] or "") for name in WORDS}
    return list((row | times | written | words).values())
