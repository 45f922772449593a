"""Orders whose placing ended in an error: free for whoever asks again, at once or when the database answers again."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import structlog
from django.db import Error, connection

from orders.models import LEASE, Order

logger = structlog.get_logger(__name__)

REST = 0.5
"""Seconds between two tries to reach the database."""
MAX_LEFT = 10_000
"""Orders that are remembered; the lease of any other runs out."""


@contextmanager
def freeing(order_id: UUID, *, on: type[Exception] = Exception) -> Iterator[None]:
    """Leave a pending order to whoever comes next, if what is done within ends in an error.

    Only for whoever has its lease. A process that dies leaves the order to the end of its lease.
    """
    try:
        yield
    except on:
        free(order_id)
        raise


def free(order_id: UUID) -> None:
    """Let go of the lease of a pending order, now or as soon as that is possible."""
    try:
        connection.close_if_unusable_or_obsolete()
        Order.objects.release_leases([order_id])
    except Error:
        left.add(order_id)


class Left:
    """Orders whose lease could not be let go; a thread tries again until it can, or each lease is over."""

    def __init__(self) -> None:
        self._ends: dict[UUID, float] = {}
        self._lock = threading.Lock()
        self._is_running = False

    def add(self, order_id: UUID) -> None:
        with self._lock:
            if len(self._ends) < MAX_LEFT:
                self._ends[order_id] = time.monotonic() + LEASE.total_seconds()
            if not self._is_running:
                self._is_running = True
                threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        # A thread of its own: it is under no deadline of a request, and has a connection that is not broken.
        while order_ids := self._find_due():
            try:
                Order.objects.release_leases(order_ids)
                self._forget(order_ids)
            except Error as error:
                logger.warning("database_unavailable", error=str(error))
                time.sleep(REST)
            finally:
                connection.close()

    def _find_due(self) -> list[UUID]:
        """Those whose lease is not over."""
        with self._lock:
            now = time.monotonic()
            self._ends = {order_id: ends for order_id, ends in self._ends.items() if ends > now}
            self._is_running = bool(self._ends)
            return list(self._ends)

    def _forget(self, order_ids: list[UUID]) -> None:
        with self._lock:
            for order_id in order_ids:
                self._ends.pop(order_id, None)


left = Left()
