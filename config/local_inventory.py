"""The seam that exists when services share a process: orders calls products as a function."""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from database.deadlines import deadline
from database.pipelines import flushed_later
from orders import inventory
from orders.inventory import Offer, RequestedLine, ReservedLine
from orders.inventory_queue import InventoryQueue
from products import catalogue, reservations
from products.stock_turns import StockBusy, stock_turn

PLAIN: dict[type[Exception], type[Exception]] = {
    reservations.OtherLines: inventory.OtherLines,
    reservations.Gone: inventory.Gone,
    reservations.Drift: inventory.StockDrift,
    StockBusy: inventory.StockBusy,
}
"""Errors of products that say nothing but what they are, as orders knows them."""


class LocalInventory:
    """The inventory next door. Only plain data crosses, and errors in the words of orders."""

    shares_database = True

    def __init__(self) -> None:
        self._queue = InventoryQueue(shares_database=True)

    def reserve(self, order_id: UUID, lines: Sequence[RequestedLine]) -> list[ReservedLine]:
        with self._turn("reserve", [line.product for line in lines]), flushed_later():
            held = reservations.reserve(order_id, [reservations.RequestedLine(*line) for line in lines])
        return [ReservedLine(*line) for line in held]

    def release(self, order_id: UUID) -> None:
        with self._turn("release"):
            reservations.release(order_id)

    def fulfil(self, order_id: UUID) -> None:
        with self._turn("fulfil"):
            reservations.fulfil(order_id)

    def take_back(self, order_id: UUID) -> None:
        with self._turn("take_back"):
            reservations.take_back(order_id)

    def offers(self, products: Sequence[UUID]) -> dict[UUID, Offer]:
        with translating_errors():
            return {product: Offer(*offer) for product, offer in catalogue.list_offers(products).items()}

    def held(self) -> Iterator[tuple[UUID, dict[UUID, int]]]:
        with translating_errors():
            yield from reservations.held()

    @contextmanager
    def _turn(self, verb: str, products: Sequence[UUID] = ()) -> Iterator[None]:
        """Change something, in turn and as patiently as over HTTP, unless products only reads."""
        if "products" in settings.READ_ONLY:
            raise inventory.InventoryUnavailable("Products only reads for now.")
        with self._queue.turn(verb, products) as ends, translating_errors(), bounding(ends, verb, products):
            yield


@contextmanager
def bounding(ends: float, verb: str, products: Sequence[UUID]) -> Iterator[None]:
    """Change stock in turn, until a moment on the monotonic clock; where it is endless, the file has its own queue."""
    if ends == math.inf:
        yield
        return

    with deadline(ends - time.monotonic()), stock_turn(verb, products):
        yield


@contextmanager
def translating_errors() -> Iterator[None]:
    """Raise what products raises as orders knows it."""
    try:
        yield
    except reservations.OutOfStock as error:
        raise inventory.OutOfStock(error.lines) from error
    except reservations.PriceChanged as error:
        raise inventory.PriceChanged(error.lines) from error
    except reservations.Unorderable as error:
        raise inventory.Unorderable(error.code, error.lines) from error
    except tuple(PLAIN) as error:
        raise next(ours for theirs, ours in PLAIN.items() if isinstance(error, theirs)) from error
    except (OperationalError, InterfaceError) as error:
        # Over HTTP these would be a 503: no answer. Who gave up waiting closed the connection, and orders goes on.
        if not connection.in_atomic_block:
            connection.close()
        raise inventory.InventoryUnavailable(str(error)) from error
