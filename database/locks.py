"""Locks by name, for what no row stands for."""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from django.db import Error, connection

from database import pipelines

LOOK = 0.2
"""Seconds after which a lock that others hold is asked for again."""


class StillHeld(Exception):
    """Others did not let go of a lock in time."""


def lock_name(name: str) -> None:
    """Wait until no other transaction holds that name, and hold it until the caller's ends.

    SQLite lets only one transaction write at a time anyway.
    """
    if connection.vendor == "postgresql":
        with pipelines.unanswered(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])


@contextmanager
def hold_name(name: str, *, patience: float, tell: Callable[[], object]) -> Iterator[None]:
    """Hold a name, over any number of transactions, for as long as the block lasts or the process lives.

    Calls `tell` once if others hold it, and raises `StillHeld` if they do for `patience` seconds more. A database
    in memory has one process.
    """
    with prepare_lock(name) as take:
        if not take():
            tell()
            wait_for(take, patience)
        yield


def wait_for(take: Callable[[], bool], patience: float) -> None:
    deadline = time.monotonic() + patience
    while not take():
        if time.monotonic() > deadline:
            raise StillHeld
        time.sleep(LOOK)


@contextmanager
def prepare_lock(name: str) -> Iterator[Callable[[], bool]]:
    """A function that tries to take a lock, and says whether it did; at the end of the block it is let go."""
    if connection.vendor == "postgresql":
        with lock_of_server(name) as take:
            yield take
    elif connection.is_in_memory_db():  # type: ignore[attr-defined]
        yield lambda: True
    else:
        with lock_of_file(f"{connection.settings_dict['NAME']}-{name.replace(' ', '-')}") as take:
            yield take


@contextmanager
def lock_of_server(name: str) -> Iterator[Callable[[], bool]]:
    """In a transaction on a connection of its own: it ends with the process, and behind a pooler, too."""
    own = connection.copy()
    try:
        own.set_autocommit(False)
        with own.cursor() as cursor:

            def take() -> bool:
                cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [name])
                [taken] = cursor.fetchone()
                # It also ends the snapshot of the SELECT, for which an index that is built CONCURRENTLY would wait.
                cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
                return bool(taken)

            yield take
    finally:
        with suppress(Error):
            own.close()


@contextmanager
def lock_of_file(path: str) -> Iterator[Callable[[], bool]]:
    """By a file beside the database, which stays: to delete it would let two in."""
    with open(path, "a") as file:

        def take() -> bool:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        yield take
