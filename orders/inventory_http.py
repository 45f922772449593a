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
from orders.inventory import InventoryUnavailable, NotReserved, RequestedLine, ReservedLine, refuse_transaction
from tokens.client_credentials import LogInFailed, service_login
from tokens.http_client import NoResponse, OutgoingRequest, fetch
from wire.request_id import request_id

logger = structlog.get_logger(__name__)

SCOPE = "stock:reserve"
BUDGET = 2.5
"""Seconds that one verb may take, with all its tries."""
TRY = 0.8
"""Seconds that one try may take."""
MAX_ANSWER = 1024 * 1024
"""Bytes that an answer may have."""
JITTER = 0.1
"""Seconds of rest, at most, before the second try."""
FAILURES = 5
"""Verbs that fail in a row before the breaker opens."""
REST = 5.0
"""Seconds that an open breaker lets nobody through."""
AT_ONCE = 8
"""Calls of a process under way at once, fewer than it answers: who only reads must not wait for those who call."""
QUEUE = 0.25
"""Seconds that a call waits for its turn; long enough wherever products answers at all."""


class Answer(NamedTuple):
    """What products answered: a status below 500, and the value of the body."""

    status: int
    body: Any


class TryAgain(Exception):
    """A try failed in a way that the next may not."""


class Breaker:
    """After `FAILURES` failures in a row lets nobody through for `REST` seconds, then one at a time.

    It holds no lock while a call is under way, so that callers do not wait for one another.
    """

    def __init__(self) -> None:
        self._failures = 0
        self._opens_at = 0.0
        self._lock = threading.Lock()

    def admits(self) -> bool:
        """Whether a call may be tried now."""
        with self._lock:
            if self._failures < FAILURES:
                return True
            if time.monotonic() < self._opens_at:
                return False

            self._opens_at = time.monotonic() + REST
            return True

    def succeed(self) -> None:
        with self._lock:
            self._failures = 0

    def fail(self) -> None:
        with self._lock:
            self._failures += 1
            self._opens_at = time.monotonic() + REST


class RemoteInventory:
    def __init__(self) -> None:
        self._breaker = Breaker()
        self._turns = threading.BoundedSemaphore(AT_ONCE)

    def reserve(self, order_id: UUID, lines: Sequence[RequestedLine]) -> list[ReservedLine]:
        answer = self._ask("PUT", f"{order_id}/", {"lines": [write_requested_line(line) for line in lines]})
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

    def held(self) -> Iterator[tuple[UUID, dict[UUID, int]]]:
        query: dict[str, str] | None = {"state": "held", "limit": "100"}
        while query:
            holdings, query = read_page(self._ask("GET", f"?{urlencode(query)}"))
            yield from holdings

    def _ask(self, method: str, path: str, body: Any = None) -> Answer:
        """The answer of products, unless it is an error."""
        refuse_transaction()
        if not self._breaker.admits():
            raise InventoryUnavailable("Products failed repeatedly and is given a rest.")
        deadline = time.monotonic() + BUDGET
        if not self._turns.acquire(timeout=QUEUE):
            raise InventoryUnavailable("Too many others wait for products.")

        try:
            answer = self._insist(method, path, body, deadline)
        except InventoryUnavailable:
            self._breaker.fail()
            raise
        finally:
            self._turns.release()
        self._breaker.succeed()
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
                    raise InventoryUnavailable(str(error)) from error
            time.sleep(pause)
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
    price = Decimal(line["unit_price"])
    return ReservedLine(UUID(line["product"]), line["quantity"], line["sku"], line["name"], price, line["currency"])


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


def refuse(answer: Answer) -> NoReturn:
    """Raise what a problem of products means; an unknown problem counts as no answer."""
    problem = answer.body if isinstance(answer.body, dict) else {}
    code, lines = str(problem.get("code")), problem.get("lines", [])
    if code in REFUSALS:
        raise REFUSALS[code](lines)
    if code in inventory.UNORDERABLE:
        raise inventory.Unorderable(code, lines)
    if code == "other-lines":
        raise inventory.OtherLines
    if answer.status == 410:
        raise inventory.Gone

    logger.error("inventory_answer_unexpected", status=answer.status, code=code)
    raise InventoryUnavailable(f"Products answered {answer.status}.")
