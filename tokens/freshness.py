"""One rule for how old what we know may be, whoever told us (keys and status lists alike)."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as WaitedTooLong
from typing import Generic, TypeVar

import structlog
from prometheus_client import Counter

from tokens.errors import IssuerUnavailable

logger = structlog.get_logger(__name__)

T = TypeVar("T")

FRESH = 4.0
"""Seconds: younger is used as it is."""
STALE = 8.0
"""Seconds: younger is used, and refreshed in the background; older waits for a fetch."""
RETRY = 4.0
"""Seconds between tries after a failure, and between looks for something unknown."""
PATIENCE = 1.0
"""Seconds that a request waits for a fetch."""

fetch_failures = Counter("tessera_issuer_fetch_failures", "Fetches of keys or status lists that failed", ["document"])

_background = ThreadPoolExecutor(max_workers=4, thread_name_prefix="freshness")


class Fresh(Generic[T]):
    """A document that is kept fresh, by one fetch at a time.

    `fetch` is given what is held (or None) and answers with the new document; whatever it raises
    counts as a failure, after which the last good document is used on. Who must wait for a fetch
    runs it himself where `inline` is set (a query), else waits for a thread (the network).
    """

    def __init__(self, name: str, fetch: Callable[[T | None], T], *, inline: bool = False) -> None:
        self.name = name
        self._fetch = fetch
        self._inline = inline
        self._held: T | None = None
        self._fetched_at = self._tried_at = float("-inf")
        self._flight: Future[None] | None = None
        self._lock = threading.Lock()

    def get(self) -> T:
        """The document; raises `IssuerUnavailable` if there never was one."""
        age = time.monotonic() - self._fetched_at
        if age >= FRESH:
            self._renew(wait=age >= STALE)
        if self._held is None:
            raise IssuerUnavailable(f"The issuer's {self.name} cannot be had.")

        return self._held

    def look_again(self) -> T:
        """Fetch at once, for something the held document lacks; at most once in `RETRY` seconds."""
        if time.monotonic() - max(self._fetched_at, self._tried_at) >= RETRY:
            self._renew(wait=True)
        return self.get()

    def forget(self) -> None:
        """Hold nothing, as in a new process."""
        self._held = None
        self._fetched_at = self._tried_at = float("-inf")

    def _renew(self, *, wait: bool) -> None:
        with self._lock:
            flight = self._take_off(inline=wait and self._inline)
        if not flight or not wait:
            return

        try:
            flight.result(timeout=PATIENCE)
        except WaitedTooLong:
            return

    def _take_off(self, *, inline: bool) -> "Future[None] | None":
        if self._flight and not self._flight.done():
            return self._flight

        if time.monotonic() - self._tried_at < RETRY:
            return None

        self._tried_at = time.monotonic()
        if inline:
            self._land()
            return None

        self._flight = _background.submit(self._land)
        return self._flight

    def _land(self) -> None:
        try:
            held = self._fetch(self._held)
        except Exception as error:  # noqa: BLE001 - whatever it is, the last good one is used on
            fetch_failures.labels(self.name.split(" ")[0]).inc()
            logger.warning("issuer_fetch_failed", document=self.name, error=str(error) or repr(error))
            return

        self._held, self._fetched_at = held, time.monotonic()
