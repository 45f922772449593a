"""Django's SQLite, but whoever wants to write stands in a queue.

SQLite lets a writer who finds another at work sleep and look again, less often each time: under load
newcomers overtake those who have waited longest, until these are told "database is locked". Here a
lock is handed on, among the threads of a process and then, by a file beside the database, among
processes.
"""

import fcntl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from django.db import OperationalError
from django.db.backends.sqlite3 import base

REMEMBERED = 512
"""Statements that are known in SQLite's own writing."""
WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE")


class Queue:
    """A connection's place in the queue of those who write to one database file."""

    of_process: dict[str, threading.Lock] = {}

    def __init__(self, path: str, patience: float) -> None:
        self.lock = self.of_process.setdefault(path, threading.Lock())
        self.file = open(f"{path}-queue", "a")  # noqa: SIM115 - as long as the connection, or its thread, lives
        self.patience = patience
        self.has_turn = False

    def enter(self) -> None:
        """Wait for one's turn; raises `OperationalError` if others of this process take too long."""
        if self.has_turn:
            return
        if not self.lock.acquire(timeout=self.patience):
            raise OperationalError("database is locked")

        fcntl.flock(self.file, fcntl.LOCK_EX)
        self.has_turn = True

    def leave(self) -> None:
        if self.has_turn:
            self.has_turn = False
            fcntl.flock(self.file, fcntl.LOCK_UN)
            self.lock.release()

    def close(self) -> None:
        self.leave()
        self.file.close()


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection that writes only when it is its turn. In memory there is no queue."""

    queue: Queue | None = None

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        if not self.is_in_memory_db():
            self.queue = Queue(str(conn_params["database"]), conn_params.get("timeout", 5.0))
        return connection

    def create_cursor(self, name: Any = None) -> Any:
        cursor = self.connection.cursor(factory=Cursor)
        cursor.wrapper = self
        return cursor

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for one's turn, and have it for as long as the block lasts."""
        self.enter()
        try:
            yield
        finally:
            self.leave()

    def enter(self) -> None:
        if self.queue:
            self.queue.enter()

    def leave(self) -> None:
        if self.queue:
            self.queue.leave()

    def _start_transaction_under_autocommit(self) -> None:
        self.enter()
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
        except BaseException:
            self.leave()
            raise

    def _commit(self) -> None:
        try:
            super()._commit()  # type: ignore[misc]
        finally:
            self.leave()

    def _rollback(self) -> None:
        try:
            super()._rollback()  # type: ignore[misc]
        finally:
            self.leave()

    def _close(self) -> None:
        super()._close()  # type: ignore[misc]
        if self.queue:
            self.queue.close()
            self.queue = None


class Cursor(base.SQLiteCursorWrapper):
    """A cursor whose single statements wait for their turn too, and which writes the same `?` once."""

    wrapper: DatabaseWrapper

    def convert_query(self, query: str, *, param_names: Any = None) -> str:
        return convert(query) if param_names is None else super().convert_query(query, param_names=param_names)

    def execute(self, query: str, params: Any = None) -> Any:
        if self.connection.in_transaction or not query.startswith(WRITES):
            return super().execute(query, params)

        with self.wrapper.turn():
            return super().execute(query, params)


@lru_cache(REMEMBERED)
def convert(query: str) -> str:
    """A statement with `?` where Django has `%s`."""
    return base.FORMAT_QMARK_REGEX.sub("?", query).replace("%%", "%")
