"""The counters of stock and their ledger: a counter changes by one conditional UPDATE, with its movement."""

from collections.abc import Callable, Mapping
from typing import NamedTuple
from uuid import UUID

from django.db import IntegrityError, transaction

from database import prepared
from database.prepared import insert_unanswered
from products.catalogue import NoSuchProduct
from products.models import NOT_OVERSOLD, Event, Movement, Product, Stock, StockCount, StockQuerySet
from wire.events import Actor, name_actor

Kind = Movement.Kind
Quantities = Mapping[UUID, int]
"""How many of each product, in the order of their ids: rows are always locked in that order."""


class AlreadyCorrected(Exception):
    """This very page was sent before."""


class BelowReserved(Exception):
    """There would be less on hand than is held for orders, or than none."""


class Effect(NamedTuple):
    """What a movement does to a product's stock: the conditional UPDATE, and its signs for the ledger."""

    update: Callable[[StockQuerySet, int], int]
    on_hand: int
    reserved: int


EFFECTS = {
    Kind.RESERVE: Effect(StockQuerySet.reserve, 0, +1),
    Kind.RELEASE: Effect(StockQuerySet.release, 0, -1),
    Kind.FULFIL: Effect(StockQuerySet.hand_over, -1, -1),
    Kind.TAKE_BACK: Effect(StockQuerySet.add, +1, 0),
    Kind.CORRECT: Effect(StockQuerySet.add, +1, 0),
}


# Counters ---------------------------------------------------------------------------------------


@transaction.atomic(durable=True)
def correct(product_id: UUID, change: int, *, reason: str, by: Actor, key: UUID | None = None) -> None:
    """Add `change` units on hand (negative: take away), by a movement, once for a key.

    Raises `BelowReserved`, `NoSuchProduct`, or `AlreadyCorrected` for a key that was used.
    """
    if key:
        use_key(key, by=by)
    product = Product.objects.filter(pk=product_id).first()
    if product is None:
        raise NoSuchProduct

    adjust({product_id: change}, reason=reason, by=by)
    Event.objects.record(product, "stock corrected", by=by, change=change, reason=reason)


def use_key(key: UUID, *, by: Actor) -> None:
    """Have a page count once, in the caller's transaction; raises `AlreadyCorrected`."""
    _, is_new = StockCount.objects.get_or_create(pk=key, defaults={"sub": by.sub})
    if not is_new:
        raise AlreadyCorrected


def adjust(changes: Quantities, *, reason: str, by: Actor) -> None:
    """Change on hand, in the caller's transaction; raises `BelowReserved`."""
    for product, change in sorted(changes.items()):
        if not change_counters(kind=Kind.CORRECT, product=product, units=change):
            raise BelowReserved
    record_corrections(changes, reason=reason, by=by)


def create_stock(quantities: Quantities, *, reason: str, by: Actor) -> None:
    """Give new products their stock row, in the caller's transaction."""
    Stock.objects.bulk_create(Stock(product_id=product, on_hand=units) for product, units in quantities.items())
    record_corrections({product: units for product, units in quantities.items() if units}, reason=reason, by=by)


@prepared.update(Stock, product="product", units="on_hand")
def change_counters(kind: Kind, product: UUID, units: int) -> int:
    """Change one product's counters by a movement; 0 where they do not allow it, else 1. Of `RESERVE` the constraint
    does not allow it: an `IntegrityError` that `is_oversold`."""
    return EFFECTS[kind].update(Stock.objects.filter(product=product), units)


def is_oversold(error: IntegrityError) -> bool:
    """Whether what was refused would have reserved more than there is."""
    return NOT_OVERSOLD in str(error)


# Ledger -----------------------------------------------------------------------------------------


def record_movements(kind: Kind, quantities: Quantities, *, order_id: UUID) -> None:
    """Write to the ledger what was done for an order."""
    _, on_hand, reserved = EFFECTS[kind]
    insert_unanswered(
        Movement(
            product_id=product, reservation_id=order_id, kind=kind, on_hand=on_hand * units, reserved=reserved * units
        )
        for product, units in quantities.items()
    )


def record_corrections(changes: Quantities, *, reason: str, by: Actor) -> None:
    """Write to the ledger what was put on hand or taken off it."""
    Movement.objects.bulk_create(
        Movement(product_id=product, kind=Kind.CORRECT, on_hand=change, reason=reason, sub=by.sub, actor=name_actor(by))
        for product, change in sorted(changes.items())
    )
