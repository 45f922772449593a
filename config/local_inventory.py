"""The seam that exists when services share a process: orders calls products as a function."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError

from orders import inventory
from orders.inventory import RequestedLine, ReservedLine
from products import reservations


class LocalInventory:
    """The inventory next door. Only plain data crosses, and errors in the words of orders."""

    def reserve(self, order_id: UUID, lines: Sequence[RequestedLine]) -> list[ReservedLine]:
        with writing():
            held = reservations.reserve(order_id, [reservations.RequestedLine(*line) for line in lines])
        return [ReservedLine(*line) for line in held]

    def release(self, order_id: UUID) -> None:
        with writing():
            reservations.release(order_id)

    def fulfil(self, order_id: UUID) -> None:
        with writing():
            reservations.fulfil(order_id)

    def take_back(self, order_id: UUID) -> None:
        with writing():
            reservations.take_back(order_id)

    def held(self) -> Iterator[tuple[UUID, dict[UUID, int]]]:
        with translating_errors():
            yield from reservations.held()


@contextmanager
def writing() -> Iterator[None]:
    """Change something, unless products only reads."""
    if "products" in settings.READ_ONLY:
        raise inventory.InventoryUnavailable("Products only reads for now.")

    with translating_errors():
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
    except reservations.OtherLines as error:
        raise inventory.OtherLines from error
    except reservations.Gone as error:
        raise inventory.Gone from error
    except (reservations.Drift, OperationalError, InterfaceError) as error:
        # Over HTTP these would be a 500 and a 503: no answer.
        raise inventory.InventoryUnavailable(str(error)) from error
