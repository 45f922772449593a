"""Statements that travel to PostgreSQL together: what a network in between costs is how often a request waits for it.

A transaction that begins within `pipelined()` is sent so, by psycopg's pipeline mode: its BEGIN goes with the first
statement whose answer is waited for, and what runs within `unanswered()` with the next one, or with COMMIT. Nothing is
sent before that, and an error is raised there. On SQLite, and in a transaction that had begun before, each statement is
run where it stands.
"""

from collections.abc import Iterator
from contextlib import _GeneratorContextManager, contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import connection

_is_pipelined: ContextVar[bool] = ContextVar("pipelined", default=False)
_is_unanswered: ContextVar[bool] = ContextVar("unanswered", default=False)
_is_flushed_later: ContextVar[bool] = ContextVar("flushed_later", default=False)

is_pipelined = _is_pipelined.get
is_unanswered = _is_unanswered.get
is_flushed_later = _is_flushed_later.get


@contextmanager
def setting(variable: ContextVar[bool], value: bool = True) -> Iterator[None]:
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)


def pipelined() -> "_GeneratorContextManager[None]":
    """Have the transaction that begins within wait as seldom as it can."""
    return setting(_is_pipelined)


def unanswered() -> "_GeneratorContextManager[None]":
    """Wait for no answer to what runs within."""
    return setting(_is_unanswered)


def flushed_later(applies: bool = True) -> "_GeneratorContextManager[None]":
    """Have the pipelined transactions that begin within end before they are on disk.

    The next transaction that ends in the same database takes them there. If the server crashes before that, it
    forgets all that came after some moment, so never an earlier transaction without the later ones, and the connection
    ends with it. Only for what nobody is told of before such a transaction has ended over the same connection; behind a
    pooler that keeps no session it changes nothing.
    """
    return setting(_is_flushed_later, applies)


def is_open() -> bool:
    """Whether a transaction is open whose statements travel together."""
    return getattr(connection.connection, "batch", None) is not None


def wait() -> None:
    """Send what was not sent yet of a transaction whose statements travel together, and wait for it."""
    if is_open():
        connection.send_waiting()  # type: ignore[attr-defined]


def wait_for(cursor: Any) -> None:
    """As `wait`, if what a cursor runs is among it."""
    if is_open() and cursor.is_waiting:
        wait()
