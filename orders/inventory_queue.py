"""Who may ask products now: callers in a queue, bounded in time, behind a breaker."""

import math
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from uuid import UUID

from django.conf import settings
from django.db import connection

from database.turns import NoTurn, Turns
from orders.inventory import Gone, InventoryResting, InventoryUnavailable, NotReserved, OtherLines, StockBusy

BUDGET = 2.5
"""Seconds that one verb may take, with its waiting and all its tries."""
TRY = 0.8
"""Seconds that one try may take."""
FAILURES = 5
"""Verbs that fail in a row before the breaker opens."""
REST = 5.0
"""Seconds that an open breaker lets nobody through."""
AT_ONCE = 12
"""Calls of a process under way at once, fewer than it answers: who only reads must not wait for those who call."""
EACH = 4
"""Of these for one product: more would only wait there for its one stock row."""
MAX_FAILING = 1_000
"""Products that have a breaker of their own; for any other a failure counts against all."""


class Breaker:
    """After `FAILURES` failures in a row lets nobody through for `REST` seconds, then one at a time.

    It holds no lock while a call is under way, so that callers do not wait for one another.
    """

    def __init__(self) -> None:
        self._failures = 0
        self._opens_at = 0.0
        self._lock = threading.Lock()

    @property
    def rests(self) -> bool:
        """Whether it lets nobody through now."""
        return self._failures >= FAILURES and time.monotonic() < self._opens_at

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


class InventoryQueue:
    """The calls of one process to products: some at once, fewer for one product, the others in the order they came.

    A product whose calls fail, as while somebody has locked its stock row, has a breaker of its own, so that its
    buyers do not take the turns of others; where several fail, all of products is given a rest. Where it
    `shares_database`, and that is a SQLite file, there is no queue: whoever writes waits in the file's own, and for no
    row of stock.
    """

    def __init__(self, *, shares_database: bool = False) -> None:
        self._is_needed = not shares_database or connection.vendor != "sqlite"
        # Some threads are left for who waits for nobody.
        places = max(AT_ONCE, settings.DATABASE_THREADS - 2)
        self._turns = Turns(AT_ONCE, each=EACH, places=places)
        self._breaker = Breaker()
        self._failing: dict[UUID, Breaker] = {}

    @contextmanager
    def turn(self, verb: str, products: Iterable[UUID] = ()) -> Iterator[float]:
        """Have a turn for a call about some products, and until when on the monotonic clock; tells what came of it.

        Raises `InventoryResting` at once while products is given a rest, `InventoryUnavailable` if too many others
        wait. A call about products that are not known shares the turns of its verb. Without a queue it has no end.
        """
        if not self._is_needed:
            yield math.inf
            return

        ends, wanted = time.monotonic() + BUDGET, frozenset(products)
        self._check(wanted)
        try:
            with self._turns.turn(wanted or {verb}, patience=BUDGET - TRY), self._judged(wanted):
                yield ends
        except NoTurn as error:
            raise InventoryUnavailable("Too many others wait for products.") from error

    def _check(self, products: frozenset[UUID]) -> None:
        if self._breaker.rests:
            raise InventoryResting
        if any(failing.rests for product in products if (failing := self._failing.get(product))):
            raise StockBusy

    @contextmanager
    def _judged(self, products: frozenset[UUID]) -> Iterator[None]:
        """Have the breaker admit a call, and learn what came of it: a refusal is an answer, too."""
        if not self._breaker.admits():
            raise InventoryResting
        try:
            yield
        except InventoryUnavailable as error:
            self._fail(products, is_busy=isinstance(error, StockBusy))
            raise
        except (NotReserved, OtherLines, Gone):
            self._succeed(products)
            raise
        self._succeed(products)

    def _fail(self, products: frozenset[UUID], *, is_busy: bool) -> None:
        """Count it against the product, if it is clear which; and against all, unless that product failed before."""
        was_failing = bool(products) and products <= self._failing.keys()
        if is_busy:
            self._breaker.succeed()
        elif not was_failing:
            self._breaker.fail()
        if len(products) == 1 and len(self._failing) < MAX_FAILING:
            [product] = products
            self._failing.setdefault(product, Breaker()).fail()

    def _succeed(self, products: frozenset[UUID]) -> None:
        self._breaker.succeed()
        for product in products:
            self._failing.pop(product, None)
