"""A stock count: what was counted beside what the books say, corrected by movements all at once."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from django.db import transaction

from products import stock
from products.models import Event, Stock
from wire.events import Actor

MAX_COUNTED = 50
"""Products of one count."""


class ChangedMeanwhile(Exception):
    """The stock is not what the count was compared with."""


class Counted(NamedTuple):
    """How many of a product were counted, and how many were on hand by the books when that was compared."""

    product: UUID
    units: int
    compared_with: int


class Comparison(NamedTuple):
    """A product's stock by the books, beside what was counted of it, if it was."""

    stock: Stock
    units: int | None

    @property
    def difference(self) -> int:
        return 0 if self.units is None else self.units - self.stock.on_hand

    @property
    def is_below_reserved(self) -> bool:
        return self.units is not None and self.units < self.stock.reserved


def compare(products: Iterable[UUID], counted: Mapping[UUID, int]) -> list[Comparison]:
    """The stock of some products by the books, by name, beside what was counted."""
    found = Stock.objects.filter(pk__in=list(products)).select_related("product")
    levels = found.order_by("product__search_key", "pk")
    return [Comparison(level, counted.get(level.pk)) for level in levels]


@transaction.atomic(durable=True)
def correct_counted(key: UUID, counted: Sequence[Counted], *, by: Actor) -> int:
    """Correct each stock to what was counted, all or none; how many differed.

    Raises `ChangedMeanwhile`, and of `products.stock` `AlreadyCorrected` for a key that was used and `BelowReserved`.
    """
    stock.use_key(key, by=by)
    levels = {level.pk: level for level in lock_stocks([line.product for line in counted])}
    if any(line.product not in levels or levels[line.product].on_hand != line.compared_with for line in counted):
        raise ChangedMeanwhile

    changes = {line.product: line.units - line.compared_with for line in counted if line.units != line.compared_with}
    stock.adjust(changes, reason="count", by=by)
    Event.objects.bulk_create(
        Event.objects.draft(levels[product].product, "stock corrected", by=by, change=change, reason="count")
        for product, change in changes.items()
    )
    return len(changes)


def lock_stocks(products: Sequence[UUID]) -> Iterable[Stock]:
    return (
        Stock.objects.select_for_update(of=("self",)).select_related("product").filter(pk__in=products).order_by("pk")
    )
