"""What the demo sells, and how it gets on the shelves."""

import csv
from decimal import Decimal
from pathlib import Path

from django.db import transaction

from products import catalogue, stock
from products.models import Product
from wire.demo import CAROL, product_id
from wire.events import Named

CATALOGUE = Path(__file__).with_name("demo.csv")
"""As `import_products` reads it; prices are in euros."""
LOW = 5
"""From how many on its stock is low, of each."""


def add_demo() -> str:
    """Put the demo's products on sale where they are not; what was done, in words."""
    with CATALOGUE.open(encoding="utf-8", newline="") as file:
        missing = [row for row in csv.DictReader(file) if not Product.objects.filter(sku=row["sku"]).exists()]
    with transaction.atomic():
        for row in missing:
            add_product(row)
    return f"{len(missing)} products added"


def add_product(row: dict[str, str]) -> None:
    by, on_hand = Named(str(CAROL.id), "demo", name=CAROL.name, email=CAROL.email), int(row.pop("on_hand"))
    fields = {**row, "price": Decimal(row["price"]), "low_stock": LOW}
    product = catalogue.create_product(fields, by=by, product_id=product_id(row["sku"]))
    if on_hand:
        stock.adjust({product.pk: on_hand}, reason="first delivery", by=by)
