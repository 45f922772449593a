"""Documents of the issuer (keys, status lists) kept fresh, by one rule for how old they may be."""

import math
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from time import monotonic
from typing import Any, Generic, TypeVar

import structlog
from django.conf import settings
from prometheus_client import Counter

from tokens.errors import ClocksDiffer, IssuerUnavailable, ListUnknown

logger = structlog.get_logger(__name__)

T = TypeVar("T")

FRESH = 4.0
"""Seconds: younger is used as it is."""
STALE = 8.0
"""Seconds: younger is used, and refreshed in the background; older waits for a fetch."""
RETRY = 4.0
"""Seconds between tries after a failure, and between looks for an unknown list."""
LOOK = 0.5
"""Seconds between looks for something that a document lacks, such as a new key."""
TIMEOUT = 1.0
"""Seconds that a fetch may take, and that a request waits for it."""
ABANDONED = 60.0
"""Seconds after which a fetch that never came back is given up, so that another may start."""
NEVER = float("-inf")

fetch_failures = Counter("tessera_issuer_fetch_failures", "Fetches of keys or status lists that failed", ["document"])


class FreshDocument(Generic[T]):
    """A document that is kept fresh, by one fetch at a time.

    `fetch` gets what is held (or None) and returns the new document; whatever it raises counts as a failure, after
    which the last good one is used on, for `ISSUER_PATIENCE` seconds. A caller that must wait for it runs it itself
    where `inline` is set (a query), else waits for a thread (the network). `after` is called at the end of each such
    thread, to release what it holds.
    """

    def __init__(
        self,
        name: str,
        fetch: Callable[[T | None], T],
        *,
        inline: bool = False,
        after: Callable[[], Any] = lambda: None,
    ) -> None:
        self.name = name
        self._fetch = fetch
        self._inline = inline
        self._after = after
        self._held: T | None = None
        self._fetched_at = self._tried_at = self._looked_at = NEVER
        self._failure: Exception | None = None
        self._fetching: threading.Event | None = None
        self._lock = threading.Lock()

    @property
    def is_empty(self) -> bool:
        return self._held is None

    @property
    def age(self) -> float:
        """Seconds since what is held was asked for; infinite if nothing is."""
        return monotonic() - self._fetched_at

    @property
    def lateness(self) -> float:
        """Seconds that it is older than it should be, since it cannot be renewed."""
        is_awaited = self._failure or self._fetching
        return max(0.0, self.age - STALE) if is_awaited and not self.is_empty else 0.0

    def get(self) -> T:
        """The document, at most `STALE` seconds old if it can be had, else the last good one.

        Raises `ListUnknown` if the issuer has none, `IssuerUnavailable` if nobody could tell, for too long.
        """
        age, held = self.age, self._held
        if held is not None and age < FRESH:
            return held

        self._renew(wait=age >= STALE)
        held = self._held
        if held is None:
            raise self._missing_error()
        if age > settings.ISSUER_PATIENCE < self.age:
            raise IssuerUnavailable(f"The issuer's {self.name} was not renewed for too long.")
        return held

    def refetch(self) -> T:
        """Fetch at once, for something the held document lacks; at most once in `LOOK` seconds."""
        now = monotonic()
        if self._fetching or now - self._looked_at >= LOOK:
            self._looked_at = now
            self._renew(wait=True)
        return self.get()

    def _renew(self, *, wait: bool) -> None:
        fetching, is_own = self._start_fetch()
        if is_own and wait and self._inline:
            self._run_fetch(fetching)
        elif is_own:
            threading.Thread(target=self._run_on_thread, args=[fetching], daemon=True, name="fetch").start()

        if wait and fetching:
            fetching.wait(max(0.0, self._tried_at + TIMEOUT - monotonic()))

    def _start_fetch(self) -> tuple[threading.Event | None, bool]:
        """The fetch under way, and whether the caller is the one to make it; None: it is too early."""
        with self._lock:
            since = monotonic() - self._tried_at
            if self._fetching and since < ABANDONED:
                return self._fetching, False
            if self._failure and since < RETRY:
                return None, False

            self._tried_at = monotonic()
            self._fetching = threading.Event()
            return self._fetching, True

    def _run_on_thread(self, fetching: threading.Event | None) -> None:
        try:
            self._run_fetch(fetching)
        finally:
            self._after()

    def _run_fetch(self, fetching: threading.Event | None) -> None:
        """Fetch, and hold what was fetched, unless this fetch was given up meanwhile."""
        asked_at = monotonic()
        held, failure = self._try_fetch()
        with self._lock:
            if fetching is self._fetching:
                self._fetching, self._failure = None, failure
                if held is not None:
                    self._held, self._fetched_at = held, asked_at
        if fetching:
            fetching.set()

    def _try_fetch(self) -> tuple[T | None, Exception | None]:
        try:
            return self._fetch(self._held), None
        except Exception as error:  # noqa: BLE001 - whatever it is, the last good one is used on
            self._log_failure(error)
            return None, error

    def _log_failure(self, error: Exception) -> None:
        # That there is no such list is an answer; that one vanished is none.
        if isinstance(error, ListUnknown) and self.is_empty:
            return

        fetch_failures.labels(self.name.split(" ")[0]).inc()
        logger.warning("issuer_fetch_failed", document=self.name, error=str(error) or repr(error))

    def _missing_error(self) -> Exception:
        if isinstance(self._failure, ListUnknown):
            return ListUnknown(str(self._failure))
        if isinstance(self._failure, ClocksDiffer):
            return ClocksDiffer()

        return IssuerUnavailable(f"The issuer's {self.name} cannot be had.")


class FreshDocuments(Generic[T]):
    """Documents by number, each a `FreshDocument`: few are held, and few fetched, however many are asked for."""

    LIMIT = 64
    """Documents held at once, and new ones asked for in `RETRY` seconds."""

    def __init__(self, name: str, fetch: Callable[[int, T | None], T], **options: Any) -> None:
        self.name = name
        self._fetch = fetch
        self._options = options
        self._documents: OrderedDict[int, FreshDocument[T]] = OrderedDict()
        self._admitted: deque[float] = deque(maxlen=self.LIMIT)
        self._lock = threading.Lock()

    def __contains__(self, number: int) -> bool:
        return number in self._documents

    def __len__(self) -> int:
        return len(self._documents)

    @property
    def age(self) -> float:
        """That of the one which was asked for last; infinite if there is none."""
        return min((document.age for document in list(self._documents.values())), default=math.inf)

    @property
    def lateness(self) -> float:
        """That of the one which is latest."""
        return max((document.lateness for document in list(self._documents.values())), default=0.0)

    def get(self, number: int) -> T:
        """Document `number`, as `FreshDocument.get`; `IssuerUnavailable` also where too many new ones are asked for."""
        document = self._documents.get(number) or self._admit(number)
        return document.get()

    def _admit(self, number: int) -> FreshDocument[T]:
        with self._lock:
            if number in self._documents:
                return self._documents[number]
            if len(self._admitted) == self.LIMIT and monotonic() - self._admitted[0] < RETRY:
                raise IssuerUnavailable(f"Too many of the issuer's {self.name}s are asked for at once.")

            self._admitted.append(monotonic())
            self._evict_one()
            fresh = FreshDocument(f"{self.name} {number}", lambda held: self._fetch(number, held), **self._options)
            return self._documents.setdefault(number, fresh)

    def _evict_one(self) -> None:
        """Drop the oldest, those first that nothing was ever known of."""
        if len(self._documents) >= self.LIMIT:
            empty = (number for number, document in self._documents.items() if document.is_empty)
            self._documents.pop(next(empty, next(iter(self._documents))))
