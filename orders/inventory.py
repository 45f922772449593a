"""What orders needs of products: the inventory that either is next door or answers over HTTP."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.utils.module_loading import import_string


class RequestedLine(NamedTuple):
    """A line as its buyer wants it, with the price that they saw, if they say so."""

    product: UUID
    quantity: int
    price: Decimal | None = None


class ReservedLine(NamedTuple):
    """A line as products holds it, at the price it is sold for."""

    product: UUID
    quantity: int
    sku: str
    name: str
    unit_price: Decimal
    currency: str


class Offer(NamedTuple):
    """What a product could be had for just now, if nobody is faster."""

    name: str
    price: Decimal
    currency: str
    available: int


class NotReserved(Exception):
    """Products will never hold these lines: `code` says why, `lines` has the facts of each, as JSON has them.

    A `name` among them is what products calls the product: products of the release before does not say it.
    """

    code: str = "not-reserved"

    def __init__(self, lines: list[dict[str, Any]]) -> None:
        super().__init__(self.code)
        self.lines = lines


class OutOfStock(NotReserved):
    """There is not enough: per line `{product, name, wanted, available}`, every shortage."""

    code = "insufficient-stock"


class PriceChanged(NotReserved):
    """The buyer saw another price: per line `{product, name, seen, price, currency}`."""

    code = "price-changed"


class Unorderable(NotReserved):
    """Products that cannot be ordered, or not together: per line `{product, name}`."""

    def __init__(self, code: str, lines: list[dict[str, Any]]) -> None:
        self.code = code
        super().__init__(lines)


UNORDERABLE = ("unknown-product", "retired-product", "mixed-currencies")


class OtherLines(Exception):
    """Other lines are held under the same order."""


class Gone(Exception):
    """What was held for the order was released, or never held."""


class StockDrift(Gone):
    """The books of products contradict what is held: a person has to look there."""


class InventoryUnavailable(Exception):
    """Products did not answer, so that nobody knows whether it was done."""


class InventoryResting(InventoryUnavailable):
    """Products failed again and again, and is not asked for a while."""

    def __init__(self) -> None:
        super().__init__("Products failed repeatedly and is given a rest.")


class StockBusy(InventoryUnavailable):
    """Products answers, but somebody holds the stock of what is asked for, or too many want it."""

    def __init__(self) -> None:
        super().__init__("Too many want the stock of a product, or somebody has locked it: it is given a rest.")


class Inventory(Protocol):
    """Stock, as orders sees it.

    Each verb is one transaction over there and safe to repeat; called from inside a transaction
    it is a `RuntimeError`. Each may raise `InventoryUnavailable`.
    """

    shares_database: bool
    """Whether its transactions are in the database of orders, so that a crash of the server never forgets one of orders
    and keeps a later one of these."""

    def reserve(self, order_id: UUID, lines: Sequence[RequestedLine]) -> list[ReservedLine]:
        """Hold every line or none; the lines as held, in the order of their products.

        A repeat answers the same. Raises `OutOfStock`, `PriceChanged` or `Unorderable`, after
        which nothing is held; `OtherLines`; or `Gone` after a release.
        """

    def release(self, order_id: UUID) -> None:
        """Hold nothing for the order, now and ever; raises `Gone` once it was fulfilled."""

    def fulfil(self, order_id: UUID) -> None:
        """Take what is held out of stock; raises `Gone` if nothing ever was, or it was released."""

    def take_back(self, order_id: UUID) -> None:
        """Put what was fulfilled back into stock; raises `Gone` if nothing was."""

    def offers(self, products: Sequence[UUID]) -> dict[UUID, Offer]:
        """What each of some products, at most a hundred, could be had for now; one that is not sold is left out."""

    def held(self) -> Iterator[tuple[UUID, dict[UUID, int]]]:
        """Each order for which something is held, with the quantities by product."""


@cache
def get_inventory() -> Inventory:
    """The inventory that `settings.INVENTORY` names."""
    return import_string(settings.INVENTORY)()


def refuse_transaction() -> None:
    """Raise `RuntimeError` inside a transaction, as `atomic(durable=True)` does in the monolith."""
    blocks = connection.atomic_blocks
    if blocks and not blocks[-1]._from_testcase:  # type: ignore[attr-defined]
        raise RuntimeError("Products is never called from inside a transaction.")
