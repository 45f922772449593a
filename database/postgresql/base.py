"""A connection that is asked whether it lives without a round trip, and prepares what is worth it."""

import select
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from typing import Any

import psycopg
from django.db import IntegrityError
from django.db.backends.base.base import debug_transaction  # type: ignore[attr-defined]
from django.db.backends.postgresql import base
from django.db.backends.utils import CursorWrapper
from django.db.transaction import TransactionManagementError
from psycopg import Connection, Error, OperationalError, Pipeline
from psycopg.abc import PQGen
from psycopg.errors import (
    DiskFull,
    FeatureNotSupported,
    IdleInTransactionSessionTimeout,
    InFailedSqlTransaction,
    ReadOnlySqlTransaction,
    TransactionTimeout,
)
from psycopg.generators import send
from psycopg.pq import TransactionStatus

from database.deadlines import places, seconds_left
from database.pipelines import is_flushed_later, is_pipelined, is_unanswered
from database.refusals import note_refusal

_direct: set[tuple[str, int]] = set()
"""Servers that no pooler stands in front of."""
BEGIN, FLUSHED_LATER = "BEGIN", "SET LOCAL synchronous_commit = off"
REFUSALS = (ReadOnlySqlTransaction, DiskFull)
TIMEOUTS = (IdleInTransactionSessionTimeout, TransactionTimeout)


class OutdatedPlan(OperationalError):
    """A migration changed the type of a column, and the transaction that met it has to be begun again."""


class WriteRefused(OperationalError):
    """The server takes no writes: its disk is full, or another one was promoted in its place."""


class TransactionEnded(OperationalError):
    """The server ended a transaction that took too long, and the session with it, as that of a process that slept."""


class PoolerUnnamed(OperationalError):
    """Something between us and the server may hand each of our transactions to another session."""

    def __init__(self) -> None:
        super().__init__("A pooler stands in between: add pooler=transaction, or pooler=session, to DATABASE_URL")


class Cursor(base.ServerBindingCursor):
    """Let a statement be prepared unless it holds a pattern, and anew when a migration changed what it answers.

    A prepared plan is soon made for any value at all, and for any pattern that is to read everything.
    """

    connection: Any
    is_waiting = False
    """Whether what it executes was not sent yet."""

    def execute(self, query: Any, params: Any = None, *, prepare: bool | None = None, **options: Any) -> Any:
        """As psycopg's. Raises `WriteRefused`; and in a transaction, whose end forgets the plan, `OutdatedPlan`."""
        if isinstance(query, str) and " LIKE " in query:
            prepare = False
        run = partial(super().execute, query, params, prepare=prepare, **options)  # type: ignore[misc]
        if batch := self.connection.batch:
            batch.add(self, run)
            return self

        try:
            with telling_refusals():
                return run()
        except OutdatedPlan:
            if self.connection.info.transaction_status is not TransactionStatus.IDLE:
                raise
        self.connection.execute("DEALLOCATE ALL")
        return run()

    def executemany(self, query: Any, params_seq: Iterable[Any], **options: Any) -> None:
        if self.connection.shares_session:
            # psycopg would send them together.
            for params in params_seq:
                self.execute(query, params)
            return

        run = partial(super().executemany, query, params_seq, **options)  # type: ignore[misc]
        if batch := self.connection.batch:
            batch.add(self, run)
            return

        with telling_refusals():
            run()

    def close(self) -> None:
        """Now, or where it waits once it was sent and nobody needs it."""
        if not self.is_waiting:
            super().close()  # type: ignore[misc]


class Batch:
    """The statements of one transaction, which are sent together, up to each whose answer is waited for."""

    def __init__(self, connection: "Connection[Any]", *, flushed_later: bool) -> None:
        self._connection, self.has_lost = connection, False
        self._beginning = (BEGIN, FLUSHED_LATER) if flushed_later else (BEGIN,)
        self._waiting: list[Callable[[], object]] = []

    def add(self, cursor: Cursor, run: Callable[[], object]) -> None:
        """Have a statement sent with the next one whose answer is waited for, which may be this one."""

        def send() -> None:
            cursor.is_waiting = False
            run()

        cursor.is_waiting = True
        self._waiting.append(send)
        if not is_unanswered():
            self.wait()

    def wait(self) -> None:
        """Send what was not sent yet, BEGIN before it, and wait for all answers; raises the first error among them."""
        waiting, self._waiting = self._waiting, []
        try:
            if self._has_begun:
                self._send(waiting)
            else:
                run = psycopg.Cursor(self._connection).execute
                # It is kept until the answer, which may come with a row that all who have the other places wait for.
                with places:
                    self._send([*(partial(run, words, prepare=False) for words in self._beginning), *waiting])
        except BaseException:
            self.has_lost = True
            raise

    def commit(self) -> None:
        """End the transaction, if there is anything in it. Raises `InFailedSqlTransaction` where a part was lost."""
        if self.has_lost:
            raise InFailedSqlTransaction("A statement had failed; nothing of the transaction was done.")
        if self._has_begun or self._waiting:
            self._waiting.append(partial(psycopg.Cursor(self._connection).execute, "COMMIT", prepare=False))
            self.wait()

    @property
    def _has_begun(self) -> bool:
        return self._connection.pgconn.transaction_status != TransactionStatus.IDLE

    def _send(self, waiting: Sequence[Callable[[], object]]) -> None:
        with telling_refusals():
            if len(waiting) > 1:
                self._connection._pipeline = Together(self._connection)
                with self._connection.pipeline():
                    for send_one in waiting:
                        send_one()
            elif waiting:
                waiting[0]()


class Together(Pipeline):
    """As psycopg's, which sends each statement by itself: here they leave together once an answer is waited for, so
    that neither side is woken for each.

    Private to psycopg, to be looked at with each upgrade: `Connection._pipeline`, `_communicate_gen`, `_fetch_gen`.
    """

    def _communicate_gen(self) -> PQGen[None]:
        """Hand statements to libpq, which keeps them until it is flushed."""
        while self.command_queue:
            self.command_queue.popleft()()
        yield from ()

    def _fetch_gen(self, *, flush: bool) -> PQGen[None]:
        yield from send(self.pgconn)
        yield from super()._fetch_gen(flush=flush)


class DatabaseWrapper(base.DatabaseWrapper):
    """As Django's, whose `SELECT 1` before each request costs as much as a small query."""

    @property
    def shares_session(self) -> bool:
        """Whether a pooler gives our session to others after each transaction."""
        return bool(self.settings_dict.get("POOLER") == "transaction")

    def get_connection_params(self) -> dict[str, Any]:
        params = super().get_connection_params()
        if params["cursor_factory"] is base.ServerBindingCursor:
            params["cursor_factory"] = Cursor
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        pooler = self.settings_dict.get("POOLER")
        with places:
            try:
                connection = super().get_new_connection(conn_params)
            except OperationalError as error:
                if pooler or "unsupported startup parameter" not in str(error):
                    raise
                raise PoolerUnnamed from error
        connection.wait, connection.batch = partial(wait, connection), None
        connection.shares_session = self.shares_session
        if not pooler:
            refuse_pooler(connection)
        return connection

    def _set_autocommit(self, autocommit: bool) -> None:
        # PgBouncer miscounts the answers to statements that come together, and then keeps the session from all others
        # (its issue 759). Besides, its connections outlive the server, and could tell of what the server has forgotten.
        may_batch = not self.shares_session and issubclass(self.connection.cursor_factory, Cursor)
        if not autocommit and is_pipelined() and may_batch:
            self.connection.batch = Batch(self.connection, flushed_later=is_flushed_later())
            return

        # Nothing is sent for it, so it needs no place: after a COMMIT nobody may be told that there is none.
        taking, self.connection.wait = self.connection.wait, partial(Connection.wait, self.connection)
        try:
            super()._set_autocommit(autocommit)  # type: ignore[misc]
        finally:
            self.connection.wait = taking

    def _commit(self) -> None:
        if not self.connection:
            return

        batch = self._batch
        try:
            with debug_transaction(self, "COMMIT"), self.wrap_database_errors:
                if batch:
                    batch.commit()
                else:
                    with telling_refusals():
                        self.connection.commit()
        finally:
            self._leave_batch()

    def _rollback(self) -> None:
        self._leave_batch()
        if not self.connection or self.connection.info.transaction_status is not TransactionStatus.IDLE:
            super()._rollback()  # type: ignore[misc]

    def _savepoint_rollback(self, sid: str) -> None:
        super()._savepoint_rollback(sid)  # type: ignore[misc]
        if batch := self._batch:
            batch.has_lost = False

    def _close(self) -> None:
        self._leave_batch()
        super()._close()  # type: ignore[misc]

    def _savepoint(self, sid: str) -> None:
        """As Django's. An error of what was sent with it is not one of what comes after it, and undoes everything."""
        try:
            super()._savepoint(sid)  # type: ignore[misc]
        except IntegrityError as error:
            raise TransactionManagementError("What came before the savepoint failed.") from error

    @property
    def _batch(self) -> Batch | None:
        """Those statements of the transaction that is open which travel together."""
        return self.connection.batch if self.connection else None

    def send_waiting(self) -> None:
        """Send what waits of a transaction whose statements travel together, its BEGIN too, and wait for it."""
        if batch := self._batch:
            with self.wrap_database_errors:
                batch.wait()

    def _leave_batch(self) -> None:
        if self.connection:
            self.connection.batch = None

    def chunked_cursor(self) -> Any:
        """As Django's. Behind a pooler that keeps no session, in a transaction of its own that ends with the cursor."""
        self.send_waiting()
        if not self.shares_session or self.in_atomic_block:
            return super().chunked_cursor()

        own = self.copy()
        own.set_autocommit(False)
        own.send_waiting()
        return CursorWithConnection(base.DatabaseWrapper.chunked_cursor(own), own)

    def is_usable(self) -> bool:
        """Whether the server is still there: an idle connection has nothing to say but that it ended.

        After an error it is asked, and is of no use if it takes no writes: a server that was demoted leaves its
        connections open.
        """
        if self.connection is None or self.connection.closed:
            return False
        if not self.errors_occurred and is_silent(self.connection.pgconn.socket):
            return True

        try:
            return not says_read_only(self.connection.cursor())
        except Error:
            return False

    def is_read_only(self) -> bool:
        """Whether the server takes no writes, as it says itself."""
        return says_read_only(self.cursor())


class CursorWithConnection(CursorWrapper):
    """A cursor whose connection ends with it."""

    def close(self) -> None:
        try:
            self.cursor.close()
        finally:
            self.db.close()


def refuse_pooler(connection: "Connection[Any]") -> None:
    """Raise `PoolerUnnamed` where another backend works than the one that answered; asks each server once."""
    server = (connection.info.host, connection.info.port)
    if server in _direct:
        return

    connection.autocommit = True  # As Django has it, a moment later.
    [pid] = connection.execute("SELECT pg_backend_pid()").fetchone() or [0]
    if pid != connection.info.backend_pid:
        connection.close()
        raise PoolerUnnamed
    _direct.add(server)


def says_read_only(opened: Any) -> bool:
    with opened as cursor:
        cursor.execute("SHOW transaction_read_only")
        return bool(cursor.fetchone()[0] == "on")


@contextmanager
def telling_refusals() -> Iterator[None]:
    try:
        yield
    except REFUSALS as error:
        raise refuse(error) from error
    except TIMEOUTS as error:
        raise TransactionEnded(str(error)) from error
    except FeatureNotSupported as error:
        if "cached plan" not in str(error):
            raise
        raise OutdatedPlan("A migration changed a table; ask again.") from error


def refuse(error: Exception) -> WriteRefused:
    note_refusal(str(error))
    return WriteRefused(str(error))


def is_silent(line: int) -> bool:
    """Whether nothing has come over a socket, not even its end."""
    poll = select.poll()
    poll.register(line, select.POLLIN)
    return not poll.poll(0)


def wait(connection: "Connection[Any]", statement: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
    """As psycopg's, but until the deadline of the request at the latest; then it is cancelled, and the server left.

    Who is in a transaction needs no place: it may hold the row, or the pooler's session, that all others wait for. Who
    begins a batch has one.
    """
    is_free = connection.pgconn.transaction_status == TransactionStatus.IDLE and not connection.batch  # type: ignore[attr-defined]
    with places if is_free else nullcontext():
        try:
            return Connection.wait(connection, statement, interval, seconds_left() if timeout is None else timeout)
        except OperationalError as error:
            if not error.sqlstate and connection.info.transaction_status is TransactionStatus.ACTIVE:
                give_up(connection)
            raise


def give_up(connection: "Connection[Any]") -> None:
    """Free the server of a statement that nobody waits for any more."""
    with suppress(OperationalError):
        connection.cancel_safe(timeout=1)
    connection.close()
