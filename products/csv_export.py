"""A catalogue written to a CSV file as `csv_import` reads it: what is there already is imported as unchanged."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from database.csv_files import write_csv
from products.csv_import import FIELDS
from products.models import Product
from wire.money import write_amount

COLUMNS = [*FIELDS[:-1], "stock__on_hand"]


def export_products(path: Path, *, quiet: bool = False) -> int:
    """Write every product, by sku, also the retired; how many there were. Raises `OSError`."""
    products = Product.objects.order_by("sku")
    return write_csv(path, FIELDS, read_products(products), total=products.count(), quiet=quiet)


def read_products(products: Any) -> Iterator[list[object]]:
    for row in products.values(*COLUMNS).iterator(2_000):
        row["price"] = write_amount(row["price"], row["currency"])
        row["active"] = "true" if row["active"] else "false"
        yield list(row.values())
