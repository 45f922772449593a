"""Django's SQLite, but whoever wants to write stands in a queue.

SQLite lets a writer who finds another at work sleep and look again, less often each time: under load
newcomers overtake those who have waited longest, until these are told "database is locked". Here a
lock is handed on, among the threads of a process and then, by a file beside the database, among
processes.
"""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import IO, Any

from django.db import OperationalError
from django.db.backends.sqlite3 import base, schema

from database.deadlines import seconds_left
from database.refusals import note_refusal

REMEMBERED = 512
"""Statements that are known in SQLite's own writing."""
WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE")
TRIGGERS = "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s"
REFUSALS = ("attempt to write a readonly database", "database or disk is full", "disk I/O error")


class Queue:
    """A connection's place in the queue of those who write to one database file."""

    of_process: dict[str, threading.Lock] = {}

    file: IO[str] | None = None

    def __init__(self, path: str, patience: float) -> None:
        self.lock = self.of_process.setdefault(path, threading.Lock())
        self.path = f"{path}-queue"
        self.patience = patience
        self.has_turn = False

    def patience_left(self) -> float:
        """Seconds that may be waited from now on, in the time of the request."""
        left = seconds_left()
        return self.patience if left is None else min(left, self.patience)

    def enter(self) -> None:
        """Wait for one's turn; raises `OperationalError` if others of this process take too long, or none may write."""
        if self.has_turn:
            return
        if not self.lock.acquire(timeout=self.patience_left()):
            raise OperationalError("database is locked")

        try:
            self.file = self.file or open(self.path, "a")  # noqa: SIM115 - as long as the connection lives
        except OSError as error:
            self.lock.release()
            note_refusal(str(error))
            raise OperationalError(f"nobody may write: {error}") from error
        fcntl.flock(self.file, fcntl.LOCK_EX)
        self.has_turn = True

    def leave(self) -> None:
        if self.has_turn and self.file:
            self.has_turn = False
            fcntl.flock(self.file, fcntl.LOCK_UN)
            self.lock.release()

    def close(self) -> None:
        self.leave()
        if self.file:
            self.file.close()


class SchemaEditor(schema.DatabaseSchemaEditor):
    """As Django's, but the triggers of a table that is made anew come with it."""

    def _remake_table(self, model: Any, *args: Any, **kwargs: Any) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(TRIGGERS, [model._meta.db_table])
            triggers = cursor.fetchall()
        super()._remake_table(model, *args, **kwargs)  # type: ignore[misc]
        for (sql,) in triggers:
            self.execute(sql)


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection that writes only when it is its turn. In memory there is no queue."""

    SchemaEditorClass = SchemaEditor

    queue: Queue | None = None

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        if not self.is_in_memory_db():
            self.queue = Queue(str(conn_params["database"]), conn_params.get("timeout", 5.0))
        return connection

    def is_read_only(self) -> bool:
        """Whether the file can be read and not written, as on a file system that is mounted read-only."""
        with self.cursor() as cursor:
            cursor.execute("SELECT 1")
        return not self.is_in_memory_db() and not os.access(self.settings_dict["NAME"], os.W_OK)

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
        if not self.queue:
            return

        self.queue.enter()
        try:
            # For who stands in no queue, as a tool that makes a backup.
            self.connection.execute(f"PRAGMA busy_timeout = {round(self.queue.patience_left() * 1000)}")
        except BaseException:
            self.queue.leave()
            raise

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
        try:
            if self.connection.in_transaction or not query.startswith(WRITES):
                return super().execute(query, params)

            with self.wrapper.turn():
                return super().execute(query, params)
        except sqlite3.OperationalError as error:
            if str(error) in REFUSALS:
                note_refusal(str(error))
            raise


@lru_cache(REMEMBERED)
def convert(query: str) -> str:
    """A statement with `?` where Django has `%s`."""
    return base.FORMAT_QMARK_REGEX.sub("?", query).replace("%%", "%")
