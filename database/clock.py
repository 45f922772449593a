"""The time for every rule that spans machines: the database's, as this process has measured it.

A machine's own clock may be wrong; all machines of a service share one database. So its clock is read every few
seconds and told on by this machine's monotonic clock, which nobody sets: no statement needs to ask for the time.
SQLite has the clock of the one machine that it is on.
"""

import threading
import time as machine
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import structlog
from django.db import Error, connection, models
from django.utils import timezone

from database import pipelines

logger = structlog.get_logger(__name__)

MEASURED_FOR = 10.0
"""Seconds for which a measurement is good, unless the machine's clock is set meanwhile, or it sleeps."""
JUMP = 1.0
"""Seconds that this machine's two clocks may move apart before the database is asked again."""
TOLD_FROM = 5.0
"""Seconds by which a clock is wrong before anybody is told,"""
TOLD_EVERY = 60.0
"""and seconds between two lines in the log about it."""
REFUSED_FROM = 60.0
"""Seconds by which this machine's clock may be wrong before its jobs neither delete nor expire anything."""
NEVER = float("-inf")


class ClockDiffers(Exception):
    """This machine's clock is so wrong that nothing is deleted or expired by it."""

    def __init__(self, skew: float) -> None:
        super().__init__(f"This machine's clock is {describe(skew)} of the database's: set it right.")


class Skew:
    """How far one clock is from another, in seconds: above 0, if it is ahead. Told in the log if it is much."""

    def __init__(self, clock: str) -> None:
        self.clock, self.seconds = clock, 0.0
        self._told_at = NEVER

    def note(self, seconds: float) -> None:
        self.seconds = seconds
        if self.is_told and monotonic() - self._told_at >= TOLD_EVERY:
            self._told_at = monotonic()
            logger.warning("clock_differs", clock=self.clock, seconds=round(seconds, 1))

    @property
    def is_told(self) -> bool:
        return abs(self.seconds) > TOLD_FROM


def describe(skew: float) -> str:
    """A skew in words, as `40 s ahead`."""
    return f"{abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}"


class DatabaseClock:
    """What the database's clock says, without asking it each time."""

    def __init__(self) -> None:
        self.is_followed = True
        """Tests travel in time, which their database does not: they follow the machine's clock."""
        self.skew = Skew("this machine, against its database")
        self._ahead: float | None = None
        """What the database's clock has more than the monotonic one; None: the machine's own is followed."""
        self._tried_at, self._apart = NEVER, 0.0
        self._lock = threading.Lock()

    def time(self) -> float:
        """Seconds since the epoch. Where the database cannot say, as it last did; if it never did, the machine's."""
        if self._is_due():
            self._renew()
        return machine.time() if self._ahead is None else monotonic() + self._ahead

    def read_skew(self) -> float:
        """Seconds that this machine's clock is ahead of the database's."""
        return machine.time() - self.time()

    def _is_due(self) -> bool:
        now = monotonic()
        return now - self._tried_at >= MEASURED_FOR or abs(machine.time() - now - self._apart) > JUMP

    def _renew(self) -> None:
        """Measure, one thread at a time; the others use what is known, and wait only for the first measurement."""
        if not self._lock.acquire(blocking=self._tried_at == NEVER):
            return
        try:
            if self._is_due():
                # Not with what others sent: their errors are not ours to note, and their locks take time.
                pipelines.wait()
                self._ahead = self._measure() if self.is_followed and connection.vendor == "postgresql" else None
                self._tried_at, self._apart = monotonic(), machine.time() - monotonic()
                self.skew.note(0.0 if self._ahead is None else self._apart - self._ahead)
        finally:
            self._lock.release()

    def _measure(self) -> float | None:
        try:
            return measure()
        except Error as error:
            logger.warning("clock_not_measured", error=str(error))
            return self._ahead


def measure() -> float:
    """What PostgreSQL's clock has more than the monotonic one, in seconds, right to half the time of the answer."""
    was_open = connection.connection is not None
    try:
        with connection.cursor() as cursor:
            asked_at = monotonic()
            cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
            (read,) = cursor.fetchone()
            return float(read) - (asked_at + monotonic()) / 2
    finally:
        # A thread that only checks tokens may end without a word, and would leave its connection open.
        if not was_open:
            connection.close()


reference = DatabaseClock()


def time() -> float:
    """Seconds since the epoch, for rules that span machines."""
    return reference.time()


def now() -> datetime:
    """The time for rules that span machines, as `timezone.now` has it."""
    return datetime.fromtimestamp(reference.time(), UTC)


def check() -> None:
    """Raise `ClockDiffers` where the machine's clock is too wrong to delete or expire anything."""
    if abs(skew := reference.read_skew()) > REFUSED_FROM:
        raise ClockDiffers(skew)


class TimeField(models.DateTimeField):
    """Django's `DateTimeField`, whose `auto_now_add` or default `timezone.now` goes by the database's clock."""

    def get_default(self) -> Any:
        return now() if self.default is timezone.now else super().get_default()

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        if self.auto_now_add and add:
            setattr(model_instance, self.attname, now())
        return getattr(model_instance, self.attname)

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.DateTimeField", args, kwargs
