"""What is held for orders: every verb one transaction, every verb safe to repeat."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from database import batch_delete, clock, prepared
from database.pipelines import pipelined
from database.prepared import insert, insert_unanswered
from products import quotas, stock
from products.models import Product, Reservation, ReservationLine
from products.stock import Kind, Quantities
from products.stock_turns import StockBusy
from wire.money import fits, write_amount

State = Reservation.State
LineFacts = list[dict[str, Any]]

BATCH = 500
TRIES = 5
"""Times that stock is looked at which others take meanwhile."""


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
    """More is wanted than is there; `lines` are `{product, name, wanted, available}`."""


class PriceChanged(LinesRefused):
    """A price is not the one its buyer saw; `lines` are `{product, name, seen, price, currency}`."""


class Unorderable(LinesRefused):
    """`code` is `unknown-product`, `retired-product` or `mixed-currencies`; `lines` are `{product, name}`, without a
    name where nobody knows it."""

    def __init__(self, code: str, products: Mapping[UUID, str]) -> None:
        named = [(str(product), name) for product, name in sorted(products.items())]
        super().__init__(
            [{"product": product, "name": name} if name else {"product": product} for product, name in named]
        )
        self.code = code


class OtherLines(LinesRefused):
    """The order holds other lines already; `lines` are `{product, quantity}` as they are held."""


class Outrun(Exception):
    """Others reserved meanwhile what was there."""


class Gone(Exception):
    """What the order held is let go, or was never there."""


class HandedOver(Gone):
    """What the order held has left."""


class Drift(Exception):
    """The counters do not allow what the ledger says; somebody wrote past both."""


# What orders asks -------------------------------------------------------------------------------


def reserve(order_id: UUID, lines: Sequence[RequestedLine], *, client_id: str = "") -> list[ReservedLine]:
    """Hold every line (at least one) or none, and answer with the prices. Safe to repeat.

    Where another service asks, `client_id` is who that is, here and below: what another client made is `Gone`. Raises
    `Unorderable`, `PriceChanged`, `OutOfStock`, `TooManyHeld`; `OtherLines` if the order holds others already, `Gone`
    once it was released; `StockBusy` where others were faster again and again.
    """
    for _ in range(TRIES):
        with suppress(Outrun):
            return hold(order_id, lines, client_id=client_id)

    raise StockBusy


def hold(order_id: UUID, lines: Sequence[RequestedLine], *, client_id: str) -> list[ReservedLine]:
    """As `reserve`, once; raises `Outrun` if others took meanwhile what was there."""
    try:
        with pipelined(), transaction.atomic(durable=True):
            return write_hold(order_id, lines, client_id=client_id)
    except IntegrityError as error:
        if not stock.is_oversold(error):
            raise
        raise Outrun from error


def write_hold(order_id: UUID, lines: Sequence[RequestedLine], *, client_id: str) -> list[ReservedLine]:
    """The steps of `hold`, in the caller's transaction; its end waits for the rows of stock, and lets go of them."""
    units = sum(line.quantity for line in lines)
    ask_products = products_by_id.ask(product_ids=sorted({line.product for line in lines}))
    # This row is the lock: a second call for the order waits for it, and then reads what the first has stored.
    if not insert([Reservation(pk=order_id, client_id=client_id, units=units)], ignore_conflicts=True):
        return answer_repeat(Reservation.objects.of_client(client_id).filter(pk=order_id).first(), lines)

    if client_id:
        quotas.check_holdings(client_id, units)
    products, quantities = {product.pk: product for product in ask_products()}, merge_lines(lines)
    check_products(quantities, products)
    check_seen_prices(lines, products)
    check_stock(quantities, products)
    stored = store_lines(order_id, quantities, products)
    reserve_stock(quantities)
    return stored


@transaction.atomic(durable=True)
def release(order_id: UUID, *, client_id: str = "") -> None:
    """Let go of what an order holds. Safe to repeat.

    For an order never seen it leaves a tombstone, so that a late `reserve` holds nothing. Raises
    `HandedOver` if the goods have left.
    """
    tombstone = Reservation(pk=order_id, state=State.RELEASED, client_id=client_id, units=0)
    is_new = insert([tombstone], ignore_conflicts=True)
    if is_new or advance(order_id, Kind.RELEASE, before=State.HELD, after=State.RELEASED, client_id=client_id):
        return

    state = state_of(order_id, client_id=client_id)
    if state != State.RELEASED:
        raise HandedOver if state else Gone


@transaction.atomic(durable=True)
def fulfil(order_id: UUID, *, client_id: str = "") -> str:
    """Hand over what an order holds; the state it is then in. Safe to repeat. Raises `Gone` if nothing is held."""
    if advance(order_id, Kind.FULFIL, before=State.HELD, after=State.FULFILLED, client_id=client_id):
        return State.FULFILLED

    return require_state(order_id, State.FULFILLED, State.TAKEN_BACK, client_id=client_id)


@transaction.atomic(durable=True)
def take_back(order_id: UUID, *, client_id: str = "") -> str:
    """Put what was handed over back on hand; the state it is then in. Safe to repeat. Raises `Gone` if nothing was."""
    if advance(order_id, Kind.TAKE_BACK, before=State.FULFILLED, after=State.TAKEN_BACK, client_id=client_id):
        return State.TAKEN_BACK

    return require_state(order_id, State.TAKEN_BACK, client_id=client_id)


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


def state_of(order_id: UUID, *, client_id: str = "") -> str | None:
    """The state of an order's reservation, None without one."""
    own = Reservation.objects.of_client(client_id).filter(pk=order_id)
    return own.values_list("state", flat=True).first()


def clear_tombstones() -> int:
    """Delete what stands for orders that never held anything, and were released long ago; how many."""
    before = clock.now() - settings.KEPT["tombstones"]
    never_held = Reservation.objects.filter(state=State.RELEASED, units=0, created_at__lt=before)
    return batch_delete.delete(never_held, along="created_at")


# The steps of reserve ---------------------------------------------------------------------------


def answer_repeat(reservation: Reservation | None, lines: Sequence[RequestedLine]) -> list[ReservedLine]:
    """The stored answer to a reserve that was made before; None is one that another client made."""
    if not reservation or reservation.state == State.RELEASED:
        raise Gone

    stored = [ReservedLine(*row) for row in reservation.lines.values_list(*ReservedLine._fields)]
    prices = {line.product: line.unit_price for line in stored}
    same_prices = all(line.price in (None, prices.get(line.product)) for line in lines)
    if same_prices and merge_lines(lines) == {line.product: line.quantity for line in stored}:
        return stored

    raise OtherLines([{"product": str(line.product), "quantity": line.quantity} for line in stored])


@prepared.objects(Product, "stock", product_ids=["id"])
def products_by_id(product_ids: Sequence[UUID]) -> QuerySet[Product]:
    """Some products with their stock, which every product has."""
    return Product.objects.filter(pk__in=product_ids, stock__isnull=False).order_by()


def check_products(wanted: Iterable[UUID], products: Mapping[UUID, Product]) -> None:
    """Raise `Unorderable` unless all that are wanted are for sale, in one currency."""
    unknown = set(wanted) - set(products)
    if unknown:
        raise Unorderable("unknown-product", dict.fromkeys(unknown, ""))

    retired = {product.pk: product.name for product in products.values() if not product.active}
    if retired:
        raise Unorderable("retired-product", retired)

    if len({product.currency for product in products.values()}) > 1:
        raise Unorderable("mixed-currencies", {product.pk: product.name for product in products.values()})


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
        "name": product.name,
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


def check_stock(quantities: Quantities, products: Mapping[UUID, Product]) -> None:
    """Raise `OutOfStock` with every shortage that there was when the products were read, before any row is locked."""
    short = [pk for pk, units in quantities.items() if units > products[pk].stock.available]
    if short:
        raise OutOfStock([describe_shortage(products[pk], quantities[pk]) for pk in short])


def describe_shortage(product: Product, wanted: int) -> dict[str, Any]:
    return {"product": str(product.pk), "name": product.name, "wanted": wanted, "available": product.stock.available}


def reserve_stock(quantities: Quantities) -> None:
    """Reserve every product, as the last step: what is sent with COMMIT holds a row no longer than that takes."""
    stock.change_counters.many(
        [{"kind": Kind.RESERVE, "product": product, "units": units} for product, units in quantities.items()]
    )


def store_lines(order_id: UUID, quantities: Quantities, products: Mapping[UUID, Product]) -> list[ReservedLine]:
    """Store what is held with the prices of now, so that a repeat is answered with the same."""
    sold = ((products[pk], units) for pk, units in quantities.items())
    lines = [ReservedLine(one.pk, units, one.sku, one.name, one.price, one.currency) for one, units in sold]
    insert_unanswered(
        ReservationLine(reservation_id=order_id, **line._asdict() | {"product": products[line.product]})
        for line in lines
    )
    stock.record_movements(Kind.RESERVE, quantities, order_id=order_id)
    return lines


# The steps of the other verbs -------------------------------------------------------------------


def advance(order_id: UUID, kind: Kind, *, before: State, after: State, client_id: str) -> bool:
    """Compare-and-set the reservation's state; the winner moves counters and ledger."""
    if not Reservation.objects.of_client(client_id).change_state(order_id, before=before, after=after):
        return False

    quantities = quantities_of([order_id])[order_id]
    for product, units in quantities.items():
        if not stock.change_counters(kind=kind, product=product, units=units):
            raise Drift(f"{kind} {units} of {product} for order {order_id}")
    stock.record_movements(kind, quantities, order_id=order_id)
    return True


def require_state(order_id: UUID, *states: State, client_id: str) -> str:
    """The state of an order's reservation, if it is one of `states`; raises `Gone`."""
    state = state_of(order_id, client_id=client_id)
    if state not in states:
        raise Gone

    return str(state)
