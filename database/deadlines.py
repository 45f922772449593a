"""How long a request may wait for its database, and how many threads may wait for it at once."""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.conf import settings
from django.db import OperationalError, connection

PATIENCE = 2.0
"""Seconds without an answer to anybody after which nobody more waits."""

_ends: ContextVar[float | None] = ContextVar("deadline", default=None)


@contextmanager
def deadline(seconds: float, *, anew: bool = False) -> Iterator[None]:
    """What is done within waits for its database for so many seconds in all.

    A deadline around it may be earlier, unless it is set `anew`, for what has to be done after the end of the other.
    """
    earlier, own = None if anew else _ends.get(), time.monotonic() + seconds
    token = _ends.set(own if earlier is None else min(own, earlier))
    try:
        yield
    finally:
        _ends.reset(token)


@contextmanager
def at_least(seconds: float) -> Iterator[None]:
    """What is done within has so many seconds, also where the deadline around it comes sooner."""
    left = seconds_left()
    if left is None or left >= seconds:
        yield
        return

    with deadline(seconds, anew=True):
        yield


def seconds_left() -> float | None:
    """Seconds until the deadline of what is being done, never negative; None where it has none, as a command."""
    ends = _ends.get()
    return None if ends is None else max(0.0, ends - time.monotonic())


def lift_server_deadline() -> None:
    """Let statements of a command take as long as they take, whatever the server sets for its role.

    Not behind a pooler that gives the session to others after each transaction.
    """
    if connection.vendor == "postgresql" and not connection.shares_session:  # type: ignore[attr-defined]
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")


class Places:
    """As many threads as may wait for the database at once: entered for each wait.

    A database that is silent would else take every thread, and none is left to say that the process is alive.
    """

    def __init__(self, count: int) -> None:
        self._count, self._free = count, threading.BoundedSemaphore(count)
        self._left_at = time.monotonic()
        self._is_silent = False

    @property
    def taken(self) -> int:
        """How many wait just now."""
        return self._count - self._free._value

    def __enter__(self) -> None:
        """Take a place. Raises `OperationalError` where nobody leaves one for a while, and from then on at once."""
        began = time.monotonic()
        while not self._free.acquire(timeout=self._patience(began)):
            if not self._patience(began):
                raise OperationalError("All threads that may wait for the database do.")

        self._is_silent = False

    def __exit__(self, *_: object) -> None:
        self._left_at = time.monotonic()
        self._free.release()

    def _patience(self, began: float) -> float:
        """Seconds for which a place may be waited for since a moment: until the database answers nobody any more, or
        the time of the request is over."""
        silent_in = max(self._left_at, began) + PATIENCE - time.monotonic()
        self._is_silent = self._is_silent or silent_in <= 0
        left = seconds_left()
        return 0.0 if self._is_silent else min(silent_in, math.inf if left is None else left)


places = Places(settings.DATABASE_THREADS)
