"""Products over HTTP: each call within a bound of time, retried, and behind a breaker."""

import random
import threading
import time
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple, NoReturn
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID

import orjson
import structlog
from django.conf import settings

from orders import inventory
from orders.inventory import (
    InventoryUnavailable,
    NotReserved,
    Offer,
    RequestedLine,
    ReservedLine,
    StockBusy,
    refuse_transaction,
)
from orders.inventory_queue import TRY, InventoryQueue
from tokens.client_credentials import LogInFailed, service_login
from tokens.http_client import NoResponse, OutgoingRequest, fetch
from wire.request_id import request_id

logger = structlog.get_logger(__name__)

SCOPE = "stock:reserve"
MAX_ANSWER = 1024 * 1024
"""Bytes that an answer may have."""
BUSY = "stock-busy"
"""The code by which products says that it answers, but not for this stock."""
JITTER = 0.1
"""Seconds of rest, at most, before the second try."""


class Answer(NamedTuple):
    """What products answered: a status below 500, and the value of the body."""

    status: int
    body: Any


class TryAgain(Exception):
    """A try failed in a way that the next may not; `unavailable` is what to raise where there is no next one."""

    @property
    def unavailable(self) -> InventoryUnavailable:
        return InventoryUnavailable(str(self))


class TryBusy(TryAgain):
    """Products answers, but some stock is wanted by too many."""

    @property
    def unavailable(self) -> InventoryUnavailable:
        return StockBusy()


class RemoteInventory:
    shares_database = False

    def __init__(self) -> None:
        self._queue = InventoryQueue()

    def reserve(self, order_id: UUID, lines: Sequence[RequestedLine]) -> list[ReservedLine]:
        body = {"lines": [write_requested_line(line) for line in lines]}
        answer = self._ask("PUT", f"{order_id}/", body, products=[line.product for line in lines])
        reserved = read_reserved_lines(answer)
        if sorted(line[:2] for line in reserved) != sorted(line[:2] for line in lines):
            raise InventoryUnavailable("Products answered with other lines than were asked for.")
        return reserved

    def release(self, order_id: UUID) -> None:
        self._ask("DELETE", f"{order_id}/")

    def fulfil(self, order_id: UUID) -> None:
        self._ask("POST", f"{order_id}/fulfil/")

    def take_back(self, order_id: UUID) -> None:
        self._ask("POST", f"{order_id}/take-back/")

    def offers(self, products: Sequence[UUID]) -> dict[UUID, Offer]:
        answer = self._ask("GET", f"offers/?products={','.join(map(str, products))}")
        return read_offers(answer)

    def held(self) -> Iterator[tuple[UUID, dict[UUID, int]]]:
        query: dict[str, str] | None = {"state": "held", "limit": "100"}
        while query:
            holdings, query = read_page(self._ask("GET", f"?{urlencode(query)}"))
            yield from holdings

    def _ask(self, method: str, path: str, body: Any = None, *, products: Sequence[UUID] = ()) -> Answer:
        """The answer of products, unless it is an error."""
        refuse_transaction()
        with self._queue.turn(method, products) as deadline:
            answer = self._insist(method, path, body, deadline)
        return answer if answer.status < 300 else refuse(answer)

    def _insist(self, method: str, path: str, body: Any, deadline: float) -> Answer:
        """Try until there is an answer or no time; each rest is longer, and none is like another's."""
        rest = JITTER
        while True:
            try:
                return self._try(method, path, body, deadline)
            except TryAgain as error:
                pause = random.uniform(0, rest)  # noqa: S311
                if time.monotonic() + pause >= deadline:
                    raise error.unavailable from error
            # Not `time.sleep`, which raises under a faked clock.
            threading.Event().wait(pause)
            rest *= 2

    def _try(self, method: str, path: str, body: Any, deadline: float) -> Answer:
        own = service_login(SCOPE)
        try:
            token = own.token(deadline - time.monotonic())
            answer = send(method, path, body, token, patience=min(deadline - time.monotonic(), TRY))
        except LogInFailed as error:
            raise InventoryUnavailable(str(error)) from error
        except (NoResponse, ValueError) as error:
            raise TryAgain(str(error)) from error
        if answer.status == 401:
            own.forget(token)
        if answer.status == 503 and read_code(answer) == BUSY:
            raise TryBusy(f"Products answered {BUSY}.")
        if answer.status in (401, 429) or answer.status >= 500:
            raise TryAgain(f"Products answered {answer.status}.")
        return answer


def send(method: str, path: str, body: Any, token: str, *, patience: float) -> Answer:
    """Ask products once; raises `NoResponse`, or `ValueError` for what is no JSON."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    if request_id():
        # So that both services log the same.
        headers["X-Request-ID"] = request_id()
    request = OutgoingRequest(method, None if body is None else orjson.dumps(body), headers)
    url = f"{settings.PRODUCTS_URL}/api/products/reservations/{path}"
    status, text = fetch(url, request, timeout=max(0.01, patience), limit=MAX_ANSWER)
    return Answer(status, orjson.loads(text) if text else None)


def write_requested_line(line: RequestedLine) -> dict[str, Any]:
    written = {"product": str(line.product), "quantity": line.quantity}
    return written if line.price is None else {**written, "price": f"{line.price:f}"}


def read_reserved_lines(answer: Answer) -> list[ReservedLine]:
    """The lines of a reservation; raises `InventoryUnavailable` for an answer that is none."""
    try:
        return [read_reserved_line(line) for line in answer.body["lines"]]
    except (KeyError, TypeError, ValueError, AttributeError, InvalidOperation) as error:
        raise InventoryUnavailable("Products answered with no reservation.") from error


def read_reserved_line(line: dict[str, Any]) -> ReservedLine:
    sku, name, currency = texts = line["sku"], line["name"], line["currency"]
    if type(line["quantity"]) is not int or not all(isinstance(text, str) for text in texts):
        raise TypeError("A line of the reservation cannot be kept.")

    return ReservedLine(UUID(line["product"]), line["quantity"], sku, name, read_price(line["unit_price"]), currency)


def read_price(text: str) -> Decimal:
    """A price; raises `ValueError` or `InvalidOperation` for what is no amount."""
    price = Decimal(text)
    if not price.is_finite():
        raise ValueError("The price is no amount.")
    return price


def read_offers(answer: Answer) -> dict[UUID, Offer]:
    """What products could be had for; raises `InventoryUnavailable` for an answer that does not say so."""
    try:
        return {UUID(row["product"]): read_offer(row) for row in answer.body["results"]}
    except (KeyError, TypeError, ValueError, AttributeError, InvalidOperation) as error:
        raise InventoryUnavailable("Products answered with no offers.") from error


def read_offer(row: dict[str, Any]) -> Offer:
    return Offer(str(row["name"]), read_price(row["price"]), str(row["currency"]), int(row["available"]))


def read_page(answer: Answer) -> tuple[list[tuple[UUID, dict[UUID, int]]], dict[str, str] | None]:
    """What is held, and the query of the next page; raises `InventoryUnavailable` for an answer that is no page."""
    try:
        return [read_holding(row) for row in answer.body["results"]], read_query(answer.body["next"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InventoryUnavailable("Products answered with no page of what is held.") from error


def read_holding(row: dict[str, Any]) -> tuple[UUID, dict[UUID, int]]:
    return UUID(row["order"]), {UUID(line["product"]): line["quantity"] for line in row["lines"]}


def read_query(address: str | None) -> dict[str, str] | None:
    """The query of a page's neighbour; where it says to go is never followed."""
    return None if address is None else {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


REFUSALS: dict[str, type[NotReserved]] = {
    "insufficient-stock": inventory.OutOfStock,
    "price-changed": inventory.PriceChanged,
}


def read_code(answer: Answer) -> str:
    """The code of the problem that products answered."""
    return str(answer.body.get("code")) if isinstance(answer.body, dict) else ""


def refuse(answer: Answer) -> NoReturn:
    """Raise what a problem of products means; an unknown problem counts as no answer."""
    code = read_code(answer)
    lines = answer.body.get("lines", []) if isinstance(answer.body, dict) else []
    if code in REFUSALS:
        raise REFUSALS[code](lines)
    if code in inventory.UNORDERABLE:
        raise inventory.Unorderable(code, lines)
    if code == "other-lines":
        raise inventory.OtherLines
    if code == "stock-drift":
        raise inventory.StockDrift
    if answer.status == 410:
        raise inventory.Gone

    logger.error("inventory_answer_unexpected", status=answer.status, code=code)
    raise InventoryUnavailable(f"Products answered {answer.status}.")
