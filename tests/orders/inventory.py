"""An inventory that lives in memory, so that orders is tested without products."""

import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from orders.inventory import (
    Gone,
    InventoryUnavailable,
    Offer,
    OtherLines,
    OutOfStock,
    PriceChanged,
    RequestedLine,
    ReservedLine,
    Unorderable,
    refuse_transaction,
)
from wire.money import write_amount


@dataclass
class Shelf:
    """A product, and how much of it there is."""

    sku: str
    name: str
    price: Decimal
    currency: str
    on_hand: int
    reserved: int = 0
    active: bool = True


@dataclass
class Reservation:
    state: str
    lines: list[ReservedLine] = field(default_factory=list)
    asked: list[RequestedLine] = field(default_factory=list)


class InMemoryInventory:
    """Keeps the contract of `orders.inventory.Inventory`, and fails at its border when told to.

    `down`: nothing is done and nobody answers. `mute`: it is done, but the answer is lost.
    `meanwhile` runs once, just before the next verb does its work. `heard` is what was asked.
    """

    shares_database = False

    def __init__(self) -> None:
        self.shelves: dict[uuid.UUID, Shelf] = {}
        self.reservations: dict[uuid.UUID, Reservation] = {}
        self.down = self.mute = False
        self.meanwhile: Callable[[], object] | None = None
        self.heard: list[str] = []

    def add(self, sku, *, on_hand=10, price="4.50", currency="EUR", active=True):
        product = uuid.uuid5(uuid.NAMESPACE_OID, sku)
        self.shelves[product] = Shelf(sku, sku.capitalize(), Decimal(price), currency, on_hand, active=active)
        return product

    def reprice(self, product, price):
        self.shelves[product].price = Decimal(price)

    def counters(self, product):
        return self.shelves[product].on_hand, self.shelves[product].reserved

    def reserve(self, order_id, lines):
        return self._do("reserve", lambda: self._reserve(order_id, sorted(lines)))

    def release(self, order_id):
        self._do("release", lambda: self._step(order_id, "held", "released", Counter(reserved=-1)))

    def fulfil(self, order_id):
        self._do("fulfil", lambda: self._step(order_id, "held", "fulfilled", Counter(on_hand=-1, reserved=-1)))

    def take_back(self, order_id):
        self._do("take_back", lambda: self._step(order_id, "fulfilled", "taken_back", Counter(on_hand=1)))

    def offers(self, products):
        sold = {product: shelf for product, shelf in self.shelves.items() if product in products and shelf.active}
        return self._do("offers", lambda: {product: offer(shelf) for product, shelf in sold.items()})

    def held(self):
        for order_id, reservation in sorted(self.reservations.items()):
            if reservation.state == "held":
                yield order_id, {line.product: line.quantity for line in reservation.lines}

    def _do(self, verb, work):
        refuse_transaction()
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()
        self.heard.append(verb)
        if self.down:
            raise InventoryUnavailable("It is down.")
        done = work()
        if self.mute:
            raise InventoryUnavailable("Its answer was lost.")
        return done

    def _reserve(self, order_id, lines):
        known = self.reservations.get(order_id)
        if known and known.state == "released":
            raise Gone
        if known and [line[:2] for line in known.asked] != [line[:2] for line in lines]:
            raise OtherLines
        if known:
            return known.lines

        self._check(lines)
        for line in lines:
            self.shelves[line.product].reserved += line.quantity
        held = [self._hold(line) for line in lines]
        self.reservations[order_id] = Reservation("held", held, lines)
        return held

    def _check(self, lines):
        shelves = [self.shelves.get(line.product) for line in lines]
        self._refuse("unknown-product", [line for line, shelf in zip(lines, shelves, strict=True) if not shelf])
        self._refuse("retired-product", [line for line, shelf in zip(lines, shelves, strict=True) if not shelf.active])
        if len({shelf.currency for shelf in shelves}) > 1:
            self._refuse("mixed-currencies", lines)

        pairs = list(zip(lines, shelves, strict=True))
        changed = [compare(line, shelf) for line, shelf in pairs if line.price not in (None, shelf.price)]
        if changed:
            raise PriceChanged(changed)
        short = [count(line, shelf) for line, shelf in pairs if shelf.on_hand - shelf.reserved < line.quantity]
        if short:
            raise OutOfStock(short)

    def _refuse(self, code, lines):
        if lines:
            raise Unorderable(code, [self._name(line) for line in lines])

    def _name(self, line):
        shelf = self.shelves.get(line.product)
        return {"product": str(line.product)} | ({"name": shelf.name} if shelf else {})

    def _hold(self, line):
        shelf = self.shelves[line.product]
        return ReservedLine(line.product, line.quantity, shelf.sku, shelf.name, shelf.price, shelf.currency)

    def _step(self, order_id, before, after, signs):
        if after == "released":
            self.reservations.setdefault(order_id, Reservation("released"))
        reservation = self.reservations.get(order_id, Reservation("none"))
        if reservation.state == before:
            reservation.state = after
            for line in reservation.lines:
                self.shelves[line.product].on_hand += signs["on_hand"] * line.quantity
                self.shelves[line.product].reserved += signs["reserved"] * line.quantity
        if reservation.state not in (after, "taken_back" if after == "fulfilled" else after):
            raise Gone


def offer(shelf):
    return Offer(shelf.name, shelf.price, shelf.currency, shelf.on_hand - shelf.reserved)


def compare(line, shelf):
    seen, price = (write_amount(amount, shelf.currency) for amount in (line.price, shelf.price))
    return {"product": str(line.product), "name": shelf.name, "seen": seen, "price": price, "currency": shelf.currency}


def count(line, shelf):
    left = shelf.on_hand - shelf.reserved
    return {"product": str(line.product), "name": shelf.name, "wanted": line.quantity, "available": left}
