"""Stock, and what of it is held for orders: every verb one transaction, every verb safe to repeat."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction

from database.prepared import Change, Slot, Statement, insert, slots
from products.models import Event, Movement, Product, Reservation, ReservationLine, Stock, StockQuerySet
from wire.events import Actor
from wire.money import fits, write_amount
from wire.problems import Conflict, NotFound, Problem

Kind = Movement.Kind
State = Reservation.State
Facts = list[dict[str, Any]]
Quantities = Mapping[UUID, int]
"""How many of each product, in the order of their ids: rows are always locked in that order."""

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


class LinesRefused(Conflict):
    """Nothing is held, and `lines` says why, in values that JSON has."""

    def __init__(self, lines: Facts, code: str | None = None) -> None:
        super().__init__(code=code, lines=lines)
        self.lines = lines


class OutOfStock(LinesRefused):
    """More is wanted than is there; `lines` are `{product, wanted, available}`."""

    default_code = "insufficient-stock"
    default_detail = "There is not enough in stock: see lines."


class PriceChanged(LinesRefused):
    """A price is not the one its buyer saw; `lines` are `{product, seen, price, currency}`."""

    default_code = "price-changed"
    default_detail = "A price has changed since it was seen: see lines."


class Unorderable(LinesRefused):
    """`unknown-product`, `retired-product` or `mixed-currencies`; `lines` are `{product}`."""

    default_detail = "These products cannot be ordered, or not together: see lines."

    def __init__(self, code: str, lines: Facts) -> None:
        super().__init__(lines, code)


class OtherLines(LinesRefused):
    """The order holds other lines already; `lines` are `{product, quantity}` as they are held."""

    default_code = "other-lines"
    default_detail = "Other lines are held for this order: see lines."


class Gone(Problem):
    """What the order held is let go, or handed over, or was never there."""

    status_code = 410
    default_code = "gone"
    default_detail = "Nothing is held for this order any more."


class BelowReserved(Conflict):
    """There would be less on hand than is held for orders."""

    default_code = "below-reserved"
    default_detail = "There would be less on hand than is held for orders."


class Drift(Exception):
    """The counters do not allow what the ledger says; somebody wrote past both."""


class Shift(NamedTuple):
    """What a verb does to each line's stock: the conditional UPDATE, and its signs for the ledger."""

    change: Callable[[StockQuerySet, Slot], Change]
    on_hand: int
    reserved: int


SHIFTS = {
    Kind.RESERVE: Shift(StockQuerySet.holding, 0, +1),
    Kind.RELEASE: Shift(StockQuerySet.letting_go, 0, -1),
    Kind.FULFIL: Shift(StockQuerySet.handing_over, -1, -1),
    Kind.TAKE_BACK: Shift(StockQuerySet.adding, +1, 0),
    Kind.CORRECT: Shift(StockQuerySet.adding, +1, 0),
}


# What orders asks -------------------------------------------------------------------------------


@transaction.atomic(durable=True)
def reserve(order_id: UUID, lines: Sequence[RequestedLine]) -> list[ReservedLine]:
    """Hold every line (at least one) or none, and answer with the prices. Safe to repeat.

    Raises `Unorderable`, `PriceChanged`, `OutOfStock`; `OtherLines` if the order holds others
    already, `Gone` once it was released.
    """
    if not insert([Reservation(pk=order_id)], ignore_conflicts=True):
        return repeat(Reservation.objects.get(pk=order_id), lines)

    offers = find_offers(lines)
    check_prices(lines, offers)
    wanted = merge(lines)
    hold(wanted)
    return keep(order_id, wanted, offers)


@transaction.atomic(durable=True)
def release(order_id: UUID) -> None:
    """Let go of what an order holds. Safe to repeat.

    For an order never seen it leaves a tombstone, so that a late `reserve` holds nothing. Raises
    `Gone` if the goods were handed over.
    """
    is_new = insert([Reservation(pk=order_id, state=State.RELEASED)], ignore_conflicts=True)
    if is_new or step(order_id, Kind.RELEASE, before=State.HELD, after=State.RELEASED):
        return

    if state_of(order_id) != State.RELEASED:
        raise Gone("What this order held was handed over.")


@transaction.atomic(durable=True)
def fulfil(order_id: UUID) -> str:
    """Hand over what an order holds; the state it is then in. Safe to repeat.

    Raises `Gone` if nothing is held.
    """
    if step(order_id, Kind.FULFIL, before=State.HELD, after=State.FULFILLED):
        return State.FULFILLED

    return demand(order_id, State.FULFILLED, State.TAKEN_BACK)


@transaction.atomic(durable=True)
def take_back(order_id: UUID) -> str:
    """Put what was handed over back on hand; the state it is then in. Safe to repeat.

    Raises `Gone` if nothing was handed over.
    """
    if step(order_id, Kind.TAKE_BACK, before=State.FULFILLED, after=State.TAKEN_BACK):
        return State.TAKEN_BACK

    return demand(order_id, State.TAKEN_BACK)


def held() -> Iterator[tuple[UUID, dict[UUID, int]]]:
    """Every order that holds something, with the quantities by product; by id, in bounded memory."""
    found = Reservation.objects.held().order_by("pk")
    batch = list(found.values_list("pk", flat=True)[:BATCH])
    while batch:
        lines = lines_of(batch)
        yield from ((order_id, lines[order_id]) for order_id in batch)
        batch = list(found.filter(pk__gt=batch[-1]).values_list("pk", flat=True)[:BATCH])


def lines_of(order_ids: Iterable[UUID]) -> dict[UUID, dict[UUID, int]]:
    """What is or was held for orders: quantities by product, in the order of their ids."""
    lines: dict[UUID, dict[UUID, int]] = {order_id: {} for order_id in order_ids}
    found = ReservationLine.objects.filter(reservation__in=lines).order_by("product")
    for order_id, product, quantity in found.values_list("reservation", "product", "quantity"):
        lines[order_id][product] = quantity
    return lines


def state_of(order_id: UUID) -> str | None:
    """The state of an order's reservation, None without one."""
    return Reservation.objects.filter(pk=order_id).values_list("state", flat=True).first()


# What staff ask ---------------------------------------------------------------------------------


@transaction.atomic(durable=True)
def correct(product_id: UUID, change: int, *, reason: str, by: Actor) -> None:
    """Add `change` units (negative: take away) on hand, as a movement with its reason and actor.

    Raises `BelowReserved`, or `NotFound` for an unknown product.
    """
    product = Product.objects.filter(pk=product_id).first()
    if product is None:
        raise NotFound

    adjust({product_id: change}, reason=reason, by=by)
    Event.objects.record(product, "stock corrected", by=by, change=change, reason=reason)


def adjust(changes: Quantities, *, reason: str, by: Actor) -> None:
    """Change on hand, in the caller's transaction; raises `BelowReserved`."""
    for product, change in sorted(changes.items()):
        if not shift(Kind.CORRECT, product, change):
            raise BelowReserved
    note(changes, reason=reason, by=by)


def stock_up(quantities: Quantities, *, reason: str, by: Actor) -> None:
    """Give new products their stock row, in the caller's transaction."""
    Stock.objects.bulk_create(Stock(product_id=product, on_hand=units) for product, units in quantities.items())
    note({product: units for product, units in quantities.items() if units}, reason=reason, by=by)


def note(changes: Quantities, *, reason: str, by: Actor) -> None:
    """Write corrections to the ledger."""
    Movement.objects.bulk_create(
        Movement(product_id=product, kind=Kind.CORRECT, on_hand=change, reason=reason, sub=by.sub)
        for product, change in sorted(changes.items())
    )


# The steps of reserve ---------------------------------------------------------------------------


def repeat(reservation: Reservation, lines: Sequence[RequestedLine]) -> list[ReservedLine]:
    """The stored answer to a reserve that was made before."""
    if reservation.state == State.RELEASED:
        raise Gone

    stored = [write_held(line) for line in reservation.lines.all()]
    prices = {line.product: line.unit_price for line in stored}
    same_prices = all(line.price in (None, prices.get(line.product)) for line in lines)
    if same_prices and merge(lines) == {line.product: line.quantity for line in stored}:
        return stored

    raise OtherLines([{"product": str(line.product), "quantity": line.quantity} for line in stored])


def find_offers(lines: Sequence[RequestedLine]) -> dict[UUID, Offer]:
    """The products of `lines`, all for sale in one currency; raises `Unorderable`."""
    wanted = sorted({line.product for line in lines})
    offers = {row["id"]: Offer(**row) for row in offering(len(wanted)).rows(*wanted)}
    unknown = set(wanted) - set(offers)
    if unknown:
        raise Unorderable("unknown-product", name_all(unknown))

    retired = [offer.id for offer in offers.values() if not offer.active]
    if retired:
        raise Unorderable("retired-product", name_all(retired))

    if len({offer.currency for offer in offers.values()}) > 1:
        raise Unorderable("mixed-currencies", name_all(offers))

    return offers


@cache
def offering(count: int) -> Statement:
    """So many products, as they are sold now."""
    keys: list[Any] = [Slot(index, Product._meta.pk) for index in range(count)]
    return Statement(Product.objects.filter(pk__in=keys).order_by().values(*Offer._fields))


def name_all(products: Iterable[UUID]) -> Facts:
    return [{"product": str(product)} for product in sorted(products)]


def check_prices(lines: Sequence[RequestedLine], offers: Mapping[UUID, Offer]) -> None:
    """Raise `PriceChanged` unless every price that was seen is the price."""
    changed = [line for line in lines if line.price not in (None, offers[line.product].price)]
    if changed:
        raise PriceChanged([compare(line, offers[line.product]) for line in sorted(changed)])


def compare(line: RequestedLine, offer: Offer) -> dict[str, Any]:
    seen = line.price or Decimal(0)
    return {
        "product": str(offer.id),
        "seen": write_amount(seen, offer.currency) if fits(seen, offer.currency) else f"{seen:f}",
        "price": write_amount(offer.price, offer.currency),
        "currency": offer.currency,
    }


def merge(lines: Sequence[RequestedLine]) -> dict[UUID, int]:
    """The quantity of each product, in the order of their ids."""
    quantities: Counter[UUID] = Counter()
    for line in lines:
        quantities[line.product] += line.quantity
    return dict(sorted(quantities.items()))


def hold(wanted: Quantities) -> None:
    """Reserve every product, or raise `OutOfStock` with every shortage."""
    missed = [product for product, units in wanted.items() if not shift(Kind.RESERVE, product, units)]
    if missed:
        raise OutOfStock(count_shortages(missed, wanted))


def count_shortages(missed: Sequence[UUID], wanted: Quantities) -> Facts:
    stocks = Stock.objects.in_bulk(missed)
    return [
        {"product": str(product), "wanted": wanted[product], "available": stocks[product].available}
        for product in missed
    ]


def keep(order_id: UUID, wanted: Quantities, offers: Mapping[UUID, Offer]) -> list[ReservedLine]:
    """Store what is held with the prices of now, so that a repeat is answered with the same."""
    lines = [sell(order_id, offers[product], units) for product, units in wanted.items()]
    insert(lines)
    enter(order_id, Kind.RESERVE, wanted)
    return [write_held(line) for line in lines]


def sell(order_id: UUID, offer: Offer, quantity: int) -> ReservationLine:
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


def write_held(line: ReservationLine) -> ReservedLine:
    return ReservedLine(line.product_id, line.quantity, line.sku, line.name, line.unit_price, line.currency)


# The steps of the other verbs -------------------------------------------------------------------


def step(order_id: UUID, kind: Kind, *, before: State, after: State) -> bool:
    """Compare-and-set the reservation's state; the winner moves counters and ledger."""
    if not Reservation.objects.move(order_id, before=before, after=after):
        return False

    quantities = lines_of([order_id])[order_id]
    for product, units in quantities.items():
        if not shift(kind, product, units):
            raise Drift(f"{kind} {units} of {product} for order {order_id}")
    enter(order_id, kind, quantities)
    return True


def shift(kind: Kind, product: UUID, units: int) -> bool:
    """Change one product's stock as a verb does; whether the counters allow it."""
    return shifting(kind).run(product, units) == 1


@cache
def shifting(kind: Kind) -> Change:
    """What a verb does to the stock of one product, for so many units."""
    product, units = slots(Stock, "product", "on_hand")
    return SHIFTS[kind].change(Stock.objects.filter(product=product), units)


def enter(order_id: UUID, kind: Kind, quantities: Quantities) -> None:
    """Write a verb's movements to the ledger."""
    _, on_hand, reserved = SHIFTS[kind]
    insert(
        Movement(
            product_id=product, reservation_id=order_id, kind=kind, on_hand=on_hand * units, reserved=reserved * units
        )
        for product, units in quantities.items()
    )


def demand(order_id: UUID, *states: State) -> str:
    """The state of an order's reservation, if it is one of `states`; raises `Gone`."""
    state = state_of(order_id)
    if state not in states:
        raise Gone

    return str(state)
