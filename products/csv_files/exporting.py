"""A catalogue written as CSV as `importing` reads it: what is there already is imported as unchanged."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from database.csv_writing import PLAIN, Form, Table, guard_apostrophe, guard_formula
from products.csv_files.rows import FIELDS, LENGTHS
from products.models import Product
from wire.keyset import Ordering, every_batch
from wire.money import write_amount

BY_SKU = Ordering("sku", ("sku",))
COLUMNS = [*FIELDS[:-1], "stock__on_hand"]


def export_products(form: Form = PLAIN) -> Table:
    """Every product, by sku, also the retired."""
    products = Product.objects.all()
    return Table(FIELDS, write_rows(products, form), products.count)


def write_rows(products: Any, form: Form) -> Iterator[list[object]]:
    guard = guard_formula if form.for_spreadsheet else guard_apostrophe
    for row in chain.from_iterable(every_batch(products.values(*COLUMNS), BY_SKU)):
        row |= {name: guard(row[name]) for name in LENGTHS}
        row["price"] = write_amount(row["price"], row["currency"])
        row["active"] = "true" if row["active"] else "false"
        yield list(row.values())
