"""What orders needs of products, and how it asks for it over HTTP."""

import random
import threading
import time
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, NamedTuple, NoReturn, Protocol
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID

import orjson
import structlog
from django.conf import settings
from django.db import connection
from django.utils.module_loading import import_string

from tokens.client_credentials import LogInFailed, ServiceLogin, service_login
from tokens.http_client import NoResponse, OutgoingRequest, fetch

logger = structlog.get_logger(__name__)

Facts = list[dict[str, Any]]
"""What is to be said of each line that is in the way, in the words and types of the wire."""


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


class NotReserved(Exception):
    """Products will never hold these lines: `code` says why, `lines` has the facts of each."""

    code: str = "not-reserved"

    def __init__(self, lines: Facts) -> None:
        super().__init__(self.code)
        self.lines = lines


class OutOfStock(NotReserved):
    """There is not enough: per line `{product, wanted, available}`, every shortage."""

    code = "insufficient-stock"


class PriceChanged(NotReserved):
    """The buyer saw another price: per line `{product, seen, price, currency}`."""

    code = "price-changed"


class Unorderable(NotReserved):
    """Products that cannot be ordered, or not together: per line `{product}`."""

    def __init__(self, code: str, lines: Facts) -> None:
        self.code = code
        super().__init__(lines)


UNORDERABLE = ("unknown-product", "retired-product", "mixed-currencies")


class OtherLines(Exception):
    """Other lines are held under the same order."""


class Gone(Exception):
    """What was held for the order was released, or never held."""


class InventoryUnavailable(Exception):
    """Products did not answer, so that nobody knows whether it was done."""


class Inventory(Protocol):
    """Stock, as orders sees it.

    Each verb is one transaction over there and safe to repeat; called from inside a transaction
    it is a `RuntimeError`. Each may raise `InventoryUnavailable`.
    """

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


# Over HTTP --------------------------------------------------------------------------------------

RESERVATIONS = "/api/products/reservations/"
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
"""Calls of one process under way at once, well below the requests it answers at once: whoever only
reads must not have to wait for those who wait for products."""
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
    """Products over HTTP, within a bound of time and behind a breaker."""

    def __init__(self) -> None:
        self._breaker = Breaker()
        self._turns = threading.BoundedSemaphore(AT_ONCE)

    def reserve(self, order_id: UUID, lines: Sequence[RequestedLine]) -> list[ReservedLine]:
        answer = self._ask("PUT", f"{order_id}/", {"lines": [write_wanted(line) for line in lines]})
        held = read_lines(answer)
        if sorted(line[:2] for line in held) != sorted(line[:2] for line in lines):
            raise InventoryUnavailable("Products answered with other lines than were asked for.")
        return held

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
        token = read_token(own, deadline - time.monotonic())
        try:
            answer = send(method, path, body, token, patience=min(deadline - time.monotonic(), TRY))
        except (NoResponse, ValueError) as error:
            raise TryAgain(str(error)) from error
        if answer.status == 401:
            own.forget(token)
        if answer.status in (401, 429) or answer.status >= 500:
            raise TryAgain(f"Products answered {answer.status}.")
        return answer


def read_token(own: ServiceLogin, patience: float) -> str:
    try:
        return own.token(patience)
    except LogInFailed as error:
        raise InventoryUnavailable(str(error)) from error


def send(method: str, path: str, body: Any, token: str, *, patience: float) -> Answer:
    """Ask products once; raises `NoResponse`, or `ValueError` for what is no JSON."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **trace()}
    request = OutgoingRequest(method, None if body is None else orjson.dumps(body), headers)
    url = f"{settings.PRODUCTS_URL}{RESERVATIONS}{path}"
    status, text = fetch(url, request, timeout=max(0.01, patience), limit=MAX_ANSWER)
    return Answer(status, orjson.loads(text) if text else None)


def trace() -> dict[str, str]:
    """The id of the request under way, so that both services log the same."""
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    return {"X-Request-ID": str(request_id)} if request_id else {}


def write_wanted(line: RequestedLine) -> dict[str, Any]:
    written = {"product": str(line.product), "quantity": line.quantity}
    return written if line.price is None else {**written, "price": f"{line.price:f}"}


def read_lines(answer: Answer) -> list[ReservedLine]:
    """The lines of a reservation; raises `InventoryUnavailable` for an answer that is none."""
    try:
        return [read_held(line) for line in answer.body["lines"]]
    except (KeyError, TypeError, ValueError, AttributeError, InvalidOperation) as error:
        raise InventoryUnavailable("Products answered with no reservation.") from error


def read_held(line: dict[str, Any]) -> ReservedLine:
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


REFUSALS: dict[str, type[NotReserved]] = {"insufficient-stock": OutOfStock, "price-changed": PriceChanged}


def refuse(answer: Answer) -> NoReturn:
    """Raise what a problem of products means; what means nothing to us is as good as no answer."""
    problem = answer.body if isinstance(answer.body, dict) else {}
    code, lines = str(problem.get("code")), problem.get("lines", [])
    if code in REFUSALS:
        raise REFUSALS[code](lines)
    if code in UNORDERABLE:
        raise Unorderable(code, lines)
    if code == "other-lines":
        raise OtherLines
    if answer.status == 410:
        raise Gone

    logger.error("inventory_answer_unexpected", status=answer.status, code=code)
    raise InventoryUnavailable(f"Products answered {answer.status}.")
