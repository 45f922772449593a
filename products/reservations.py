"""What is held for orders: every verb one transaction, every verb safe to repeat."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction

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


class Offer(NamedTuple):
    """A product as it is sold now."""

    id: UUID
    sku: str
    name: str
    price: Decimal
    currency: str
    active: bool


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

    offers = find_offers(lines)
    check_seen_prices(lines, offers)
    quantities = merge_lines(lines)
    reserve_stock(quantities)
    return store_lines(order_id, quantities, offers)


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
    """Hand over what an order holds; the state it is then in. Safe to repeat.

    Raises `Gone` if nothing is held.
    """
    if advance(order_id, Kind.FULFIL, before=State.HELD, after=State.FULFILLED):
        return State.FULFILLED

    return require_state(order_id, State.FULFILLED, State.TAKEN_BACK)


@transaction.atomic(durable=True)
def take_back(order_id: UUID) -> str:
    """Put what was handed over back on hand; the state it is then in. Safe to repeat.

    Raises `Gone` if nothing was handed over.
    """
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

    stored = [to_reserved_line(line) for line in reservation.lines.all()]
    prices = {line.product: line.unit_price for line in stored}
    same_prices = all(line.price in (None, prices.get(line.product)) for line in lines)
    if same_prices and merge_lines(lines) == {line.product: line.quantity for line in stored}:
        return stored

    raise OtherLines([{"product": str(line.product), "quantity": line.quantity} for line in stored])


def find_offers(lines: Sequence[RequestedLine]) -> dict[UUID, Offer]:
    """The products of `lines`, all for sale in one currency; raises `Unorderable`."""
    wanted = sorted({line.product for line in lines})
    offers = {row["id"]: Offer(**row) for row in select_offers(product_ids=wanted)}
    unknown = set(wanted) - set(offers)
    if unknown:
        raise Unorderable("unknown-product", unknown)

    retired = [offer.id for offer in offers.values() if not offer.active]
    if retired:
        raise Unorderable("retired-product", retired)

    if len({offer.currency for offer in offers.values()}) > 1:
        raise Unorderable("mixed-currencies", offers)

    return offers


@prepared.rows(Product, product_ids=["id"])
def select_offers(product_ids: Sequence[UUID]) -> Any:
    return Product.objects.filter(pk__in=product_ids).order_by().values(*Offer._fields)


def check_seen_prices(lines: Sequence[RequestedLine], offers: Mapping[UUID, Offer]) -> None:
    """Raise `PriceChanged` unless every price that was seen is the price."""
    changed = [line for line in lines if line.price not in (None, offers[line.product].price)]
    if changed:
        raise PriceChanged([describe_price(line, offers[line.product]) for line in sorted(changed)])


def describe_price(line: RequestedLine, offer: Offer) -> dict[str, Any]:
    """The price that was seen beside the one of now."""
    seen = line.price or Decimal(0)
    return {
        "product": str(offer.id),
        "seen": write_amount(seen, offer.currency) if fits(seen, offer.currency) else f"{seen:f}",
        "price": write_amount(offer.price, offer.currency),
        "currency": offer.currency,
    }


def merge_lines(lines: Sequence[RequestedLine]) -> dict[UUID, int]:
    """The quantity of each product, in the order of their ids."""
    quantities: Counter[UUID] = Counter()
    for line in lines:
        quantities[line.product] += line.quantity
    return dict(sorted(quantities.items()))


def reserve_stock(quantities: Quantities) -> None:
    """Reserve every product, or raise `OutOfStock` with every shortage."""
    missed = [
        product
        for product, units in quantities.items()
        if not stock.change_counters(kind=Kind.RESERVE, product=product, units=units)
    ]
    if missed:
        raise OutOfStock(describe_shortages(missed, quantities))


def describe_shortages(missed: Sequence[UUID], quantities: Quantities) -> LineFacts:
    stocks = Stock.objects.in_bulk(missed)
    return [
        {"product": str(product), "wanted": quantities[product], "available": stocks[product].available}
        for product in missed
    ]


def store_lines(order_id: UUID, quantities: Quantities, offers: Mapping[UUID, Offer]) -> list[ReservedLine]:
    """Store what is held with the prices of now, so that a repeat is answered with the same."""
    lines = [make_line(order_id, offers[product], units) for product, units in quantities.items()]
    insert(lines)
    stock.record_movements(Kind.RESERVE, quantities, order_id=order_id)
    return [to_reserved_line(line) for line in lines]


def make_line(order_id: UUID, offer: Offer, quantity: int) -> ReservationLine:
    """A line as the product is sold now."""
    return ReservationLine(
        reservation_id=order_id,
        product_id=offer.id,
        quantity=quantity,
        sku=offer.sku,
        name=offer.name,
        unit_price=offer.price,
        currency=offer.currency,
    )


def to_reserved_line(line: ReservationLine) -> ReservedLine:
    return ReservedLine(line.product_id, line.quantity, line.sku, line.name, line.unit_price, line.currency)


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
