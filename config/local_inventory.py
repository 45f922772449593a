"""The seam that exists when services share a process: orders calls products as a function."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError

from orders import inventory
from orders.inventory import RequestedLine, ReservedLine
from products import stock


class LocalInventory:
    """The inventory next door. Only plain data crosses, and errors in the words of orders."""

    def reserve(self, order_id: UUID, lines: Sequence[RequestedLine]) -> list[ReservedLine]:
        with written():
            held = stock.reserve(order_id, [stock.RequestedLine(*line) for line in lines])
        return [ReservedLine(*line) for line in held]

    def release(self, order_id: UUID) -> None:
        with written():
            stock.release(order_id)

    def fulfil(self, order_id: UUID) -> None:
        with written():
            stock.fulfil(order_id)

    def take_back(self, order_id: UUID) -> None:
        with written():
            stock.take_back(order_id)

    def held(self) -> Iterator[tuple[UUID, dict[UUID, int]]]:
        with translated():
            yield from stock.held()


@contextmanager
def written() -> Iterator[None]:
    """Change something, unless products only reads."""
    if "products" in settings.READ_ONLY:
        raise inventory.InventoryUnavailable("Products only reads for now.")

    with translated():
        yield


@contextmanager
def translated() -> Iterator[None]:
    """Raise what products raises as orders knows it."""
    try:
        yield
    except stock.OutOfStock as error:
        raise inventory.OutOfStock(error.lines) from error
    except stock.PriceChanged as error:
        raise inventory.PriceChanged(error.lines) from error
    except stock.Unorderable as error:
        raise inventory.Unorderable(error.code, error.lines) from error
    except stock.OtherLines as error:
        raise inventory.OtherLines from error
    except stock.Gone as error:
        raise inventory.Gone from error
    except (stock.Drift, OperationalError, InterfaceError) as error:
        # Over HTTP these would be a 500 and a 503: no answer.
        raise inventory.InventoryUnavailable(str(error)) from error
