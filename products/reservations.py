"""What is held for orders: every verb one transaction, every verb safe to repeat."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from database import prepared
from database.prepared import insert
from products import stock
from products.models import Product, Reservation, ReservationLine, Stock
from products.stock import Kind, Quantities
from wire.money import fits, write_amount

State = Reservation.State
LineFacts = list[dict[str, Any]]

BATCH = 500


class RequestedLine(NamedTuple):
    """A line to hold; `price` is what its buyer saw, in the currency of the product."""

    product: UUID
    quantity: int
    price: Decimal | None = None


class ReservedLine(NamedTuple):
    """A line that is held, with what it is sold as."""

    product: UUID
    quantity: int
    sku: str
    name: str
    unit_price: Decimal
    currency: str


class LinesRefused(Exception):
    """Nothing is held, and `lines` says why, in values that JSON has."""

    def __init__(self, lines: LineFacts) -> None:
        super().__init__(lines)
        self.lines = lines


class OutOfStock(LinesRefused):
    """More is wanted than is there; `lines` are `{product, wanted, available}`."""


class PriceChanged(LinesRefused):
    """A price is not the one its buyer saw; `lines` are `{product, seen, price, currency}`."""


class Unorderable(LinesRefused):
    """`code` is `unknown-product`, `retired-product` or `mixed-currencies`; `lines` are `{product}`."""

    def __init__(self, code: str, products: Iterable[UUID]) -> None:
        super().__init__([{"product": str(product)} for product in sorted(products)])
        self.code = code


class OtherLines(LinesRefused):
    """The order holds other lines already; `lines` are `{product, quantity}` as they are held."""


class Gone(Exception):
    """What the order held is let go, or was never there."""


class HandedOver(Gone):
    """What the order held has left."""


class Drift(Exception):
    """The counters do not allow what the ledger says; somebody wrote past both."""


# What orders asks -------------------------------------------------------------------------------


@transaction.atomic(durable=True)
def reserve(order_id: UUID, lines: Sequence[RequestedLine]) -> list[ReservedLine]:
    """Hold every line (at least one) or none, and answer with the prices. Safe to repeat.

    Raises `Unorderable`, `PriceChanged`, `OutOfStock`; `OtherLines` if the order holds others
    already, `Gone` once it was released.
    """
    # This row is the lock: a second call for the order waits for it, and then reads what the first has stored.
    if not insert([Reservation(pk=order_id)], ignore_conflicts=True):
        return answer_repeat(Reservation.objects.get(pk=order_id), lines)

    products = find_products(lines)
    check_seen_prices(lines, products)
    quantities = merge_lines(lines)
    reserve_stock(quantities)
    return store_lines(order_id, quantities, products)


@transaction.atomic(durable=True)
def release(order_id: UUID) -> None:
    """Let go of what an order holds. Safe to repeat.

    For an order never seen it leaves a tombstone, so that a late `reserve` holds nothing. Raises
    `HandedOver` if the goods have left.
    """
    is_new = insert([Reservation(pk=order_id, state=State.RELEASED)], ignore_conflicts=True)
    if is_new or advance(order_id, Kind.RELEASE, before=State.HELD, after=State.RELEASED):
        return

    if state_of(order_id) != State.RELEASED:
        raise HandedOver


@transaction.atomic(durable=True)
def fulfil(order_id: UUID) -> str:
    """Hand over what an order holds; the state it is then in. Safe to repeat. Raises `Gone` if nothing is held."""
    if advance(order_id, Kind.FULFIL, before=State.HELD, after=State.FULFILLED):
        return State.FULFILLED

    return require_state(order_id, State.FULFILLED, State.TAKEN_BACK)


@transaction.atomic(durable=True)
def take_back(order_id: UUID) -> str:
    """Put what was handed over back on hand; the state it is then in. Safe to repeat. Raises `Gone` if nothing was."""
    if advance(order_id, Kind.TAKE_BACK, before=State.FULFILLED, after=State.TAKEN_BACK):
        return State.TAKEN_BACK

    return require_state(order_id, State.TAKEN_BACK)


def held() -> Iterator[tuple[UUID, dict[UUID, int]]]:
    """Every order that holds something, with the quantities by product; by id, in bounded memory."""
    found = Reservation.objects.held().order_by("pk")
    batch = list(found.values_list("pk", flat=True)[:BATCH])
    while batch:
        quantities = quantities_of(batch)
        yield from ((order_id, quantities[order_id]) for order_id in batch)
        batch = list(found.filter(pk__gt=batch[-1]).values_list("pk", flat=True)[:BATCH])


def quantities_of(order_ids: Iterable[UUID]) -> dict[UUID, dict[UUID, int]]:
    """What is or was held for orders: quantities by product, in the order of their ids."""
    quantities: dict[UUID, dict[UUID, int]] = {order_id: {} for order_id in order_ids}
    found = ReservationLine.objects.filter(reservation__in=quantities).order_by("product")
    for order_id, product, quantity in found.values_list("reservation", "product", "quantity"):
        quantities[order_id][product] = quantity
    return quantities


def state_of(order_id: UUID) -> str | None:
    """The state of an order's reservation, None without one."""
    return Reservation.objects.filter(pk=order_id).values_list("state", flat=True).first()


# The steps of reserve ---------------------------------------------------------------------------


def answer_repeat(reservation: Reservation, lines: Sequence[RequestedLine]) -> list[ReservedLine]:
    """The stored answer to a reserve that was made before."""
    if reservation.state == State.RELEASED:
        raise Gone

    stored = [ReservedLine(*row) for row in reservation.lines.values_list(*ReservedLine._fields)]
    prices = {line.product: line.unit_price for line in stored}
    same_prices = all(line.price in (None, prices.get(line.product)) for line in lines)
    if same_prices and merge_lines(lines) == {line.product: line.quantity for line in stored}:
        return stored

    raise OtherLines([{"product": str(line.product), "quantity": line.quantity} for line in stored])


def find_products(lines: Sequence[RequestedLine]) -> dict[UUID, Product]:
    """The products of `lines`, all for sale in one currency; raises `Unorderable`."""
    wanted = sorted({line.product for line in lines})
    products = {product.pk: product for product in products_by_id(product_ids=wanted)}
    unknown = set(wanted) - set(products)
    if unknown:
        raise Unorderable("unknown-product", unknown)

    retired = [product.pk for product in products.values() if not product.active]
    if retired:
        raise Unorderable("retired-product", retired)

    if len({product.currency for product in products.values()}) > 1:
        raise Unorderable("mixed-currencies", products)

    return products


@prepared.objects(Product, product_ids=["id"])
def products_by_id(product_ids: Sequence[UUID]) -> QuerySet[Product]:
    return Product.objects.filter(pk__in=product_ids).order_by()


def check_seen_prices(lines: Sequence[RequestedLine], products: Mapping[UUID, Product]) -> None:
    """Raise `PriceChanged` unless every price that was seen is the price."""
    changed = [line for line in lines if line.price not in (None, products[line.product].price)]
    if changed:
        raise PriceChanged([describe_price(line, products[line.product]) for line in sorted(changed)])


def describe_price(line: RequestedLine, product: Product) -> dict[str, Any]:
    """The price that was seen beside the one of now."""
    seen, currency = line.price or Decimal(0), product.currency
    return {
        "product": str(product.pk),
        "seen": write_amount(seen, currency) if fits(seen, currency) else f"{seen:f}",
        "price": write_amount(product.price, currency),
        "currency": currency,
    }


def merge_lines(lines: Sequence[RequestedLine]) -> dict[UUID, int]:
    """The quantity of each product, in the order of their ids."""
    quantities: Counter[UUID] = Counter()
    for line in lines:
        quantities[line.product] += line.quantity
    return dict(sorted(quantities.items()))


def reserve_stock(quantities: Quantities) -> None:
    """Reserve every product, or raise `OutOfStock` with every shortage."""
    reserve = partial(stock.change_counters, kind=Kind.RESERVE)
    missed = [product for product, units in quantities.items() if not reserve(product=product, units=units)]
    if missed:
        raise OutOfStock(describe_shortages(missed, quantities))


def describe_shortages(missed: Sequence[UUID], quantities: Quantities) -> LineFacts:
    left = {pk: found.available for pk, found in Stock.objects.in_bulk(missed).items()}
    return [{"product": str(pk), "wanted": quantities[pk], "available": left[pk]} for pk in missed]


def store_lines(order_id: UUID, quantities: Quantities, products: Mapping[UUID, Product]) -> list[ReservedLine]:
    """Store what is held with the prices of now, so that a repeat is answered with the same."""
    sold = ((products[pk], units) for pk, units in quantities.items())
    lines = [ReservedLine(one.pk, units, one.sku, one.name, one.price, one.currency) for one, units in sold]
    insert(
        ReservationLine(reservation_id=order_id, **line._asdict() | {"product": products[line.product]})
        for line in lines
    )
    stock.record_movements(Kind.RESERVE, quantities, order_id=order_id)
    return lines


# The steps of the other verbs -------------------------------------------------------------------


def advance(order_id: UUID, kind: Kind, *, before: State, after: State) -> bool:
    """Compare-and-set the reservation's state; the winner moves counters and ledger."""
    if not Reservation.objects.change_state(order_id, before=before, after=after):
        return False

    quantities = quantities_of([order_id])[order_id]
    for product, units in quantities.items():
        if not stock.change_counters(kind=kind, product=product, units=units):
            raise Drift(f"{kind} {units} of {product} for order {order_id}")
    stock.record_movements(kind, quantities, order_id=order_id)
    return True


def require_state(order_id: UUID, *states: State) -> str:
    """The state of an order's reservation, if it is one of `states`; raises `Gone`."""
    state = state_of(order_id)
    if state not in states:
        raise Gone

    return str(state)
