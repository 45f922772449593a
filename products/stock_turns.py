"""Who may change stock now: some of the threads, fewer for one product, and each for a short while."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from uuid import UUID

from django.conf import settings
from django.db import Error, OperationalError, connection

from database.deadlines import deadline, seconds_left
from database.turns import NoTurn, Turns

LONGEST = 2.0
"""Seconds that anybody waits for a stock row."""
SHARE = 0.5
"""Of the time that a caller waits, what may go by for a stock row: so that they hear of it before they give up."""
PROBE = 0.2
"""Seconds within which a database answers that is well."""

at_once = max(1, settings.DATABASE_THREADS * 3 // 4)
turns = Turns(at_once, each=max(1, at_once // 2))


class StockBusy(Exception):
    """Somebody has locked the stock of a product, or too many want it at once."""


@contextmanager
def stock_turn(verb: str, products: Collection[UUID] = ()) -> Iterator[None]:
    """Change the stock of some products within; the threads of a process never all wait for the same row.

    A verb that does not name its products shares the turns of its kind. Raises `StockBusy`, at once where too many
    are there already.
    """
    left = seconds_left()
    patience = LONGEST if left is None else min(LONGEST, left * SHARE)
    try:
        with turns.turn(products or [verb]), deadline(patience), telling_locks():
            yield
    except NoTurn as error:
        raise StockBusy from error


@contextmanager
def telling_locks() -> Iterator[None]:
    """Raise `StockBusy` if the time was over while the database is well: then it was a lock that took it."""
    try:
        yield
    except OperationalError as error:
        if seconds_left() == 0 and answers():
            raise StockBusy from error
        raise


def answers() -> bool:
    """Whether the database is well now: it gives a new connection, instead of the one that waited."""
    connection.close()
    try:
        with deadline(PROBE, anew=True):
            connection.ensure_connection()
    except Error:
        return False
    return True
