"""Statements that travel together: their errors are heard, and the connection is whole afterwards."""

import time
from contextlib import contextmanager, suppress

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import (
    Error,
    IntegrityError,
    InternalError,
    OperationalError,
    ProgrammingError,
    connection,
    transaction,
)

from accounts.models import Event
from database import clock, deadlines, locks, prepared
from database.deadlines import Places, deadline
from database.pipelines import pipelined, unanswered

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


@contextmanager
def together():
    with pipelined(), transaction.atomic(durable=True):
        yield


def label(model):
    return ContentType(app_label="travels", model=model)


def labels():
    return sorted(ContentType.objects.filter(app_label="travels").values_list("model", flat=True))


@prepared.rows(ContentType, name="model")
def found(name):
    return ContentType.objects.filter(app_label="travels", model=name).values("model")


@prepared.update(ContentType, before="model", after="model")
def rename(before, after):
    return ContentType.objects.filter(app_label="travels", model=before).update(model=after)


def test_what_nobody_waits_for_is_done():
    with together():
        prepared.insert_unanswered([label("x")])
        prepared.insert_unanswered([label("y")])

    assert labels() == ["x", "y"]


@pytest.mark.postgresql
def test_behind_a_pooler_that_keeps_no_session_nothing_travels_together(monkeypatch):
    """PgBouncer would lose count of the answers, and keep the session from all others (its issue 759)."""
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "POOLER", "transaction")
    monkeypatch.setattr("psycopg.Pipeline.__enter__", lambda _: pytest.fail("sent together"))

    with together():
        prepared.insert_unanswered([label("x"), label("y")])
        rename.many([{"before": "x", "after": "a"}, {"before": "y", "after": "b"}])

    assert labels() == ["a", "b"]
    connection.close()


@pytest.mark.postgresql
def test_nothing_leaves_before_an_answer_is_waited_for():
    """What is sent by itself wakes the server for each statement."""
    own = "SELECT state FROM pg_stat_activity WHERE pid = %s"
    other, pid = connection.copy(), connection.cursor().connection.info.backend_pid

    with together(), other.cursor() as observer:
        prepared.insert_unanswered([label("x")])
        read = found.ask(name="x")
        time.sleep(0.05)
        before = observer.execute(own, [pid]).fetchone()

        assert read() == [{"model": "x"}]
        assert before == ("idle",)
    other.close()


@pytest.mark.postgresql
def test_more_travels_at_once_than_the_line_holds():
    many, letters = 30, 1_000_000

    with together(), connection.cursor() as cursor, unanswered():
        for _ in range(many):
            cursor.execute("SELECT repeat(%s, 2)", ["x" * letters])
        prepared.insert_unanswered([label("x")])

    assert labels() == ["x"]


def test_answers_are_read_in_any_order():
    with together():
        prepared.insert_unanswered([label("x")])
        read = found.ask(name="x")
        renamed = rename.ask(before="x", after="y")
        later = found.ask(name="y")

        assert later() == [{"model": "y"}]
        assert (renamed(), read()) == (1, [{"model": "x"}])
    assert labels() == ["y"]


def test_the_key_of_a_new_row_is_told_when_it_is_asked_for():
    with together():
        ask_row = prepared.ask_insert(label("x"))
        read = found.ask(name="x")
        row = ask_row()

        assert (row.pk, row._state.adding) == (ContentType.objects.get(app_label="travels").pk, False)
        assert read() == [{"model": "x"}]


def test_a_number_of_changes_is_waited_for():
    prepared.insert([label("x")])

    with together():
        assert rename.ask(before="x", after="y")() == 1


def test_an_answer_may_be_read_after_the_end():
    with together():
        prepared.insert_unanswered([label("x")])
        read = found.ask(name="x")
        renamed = rename.ask(before="x", after="y")

    assert (read(), renamed()) == ([{"model": "x"}], 1)


@pytest.mark.parametrize("waits", [True, False])
def test_an_error_undoes_all_of_it(waits):
    prepared.insert([label("x")])

    def insert():
        with together():
            for model in "yxz":
                prepared.insert_unanswered([label(model)])
            if waits:
                found(name="y")

    with pytest.raises(IntegrityError):
        insert()

    assert labels() == ["x"]
    with together():
        prepared.insert_unanswered([label("z")])
    assert labels() == ["x", "z"]


@pytest.mark.parametrize("pause", [0.0, 0.05])
def test_an_error_is_the_first_whenever_it_is_heard_of(pause):
    prepared.insert([label("x")])

    def insert():
        with together():
            prepared.insert_unanswered([label("x")])
            time.sleep(pause)
            for number in range(10):
                prepared.insert_unanswered([label(str(number))])

    for _ in range(5):
        with pytest.raises(IntegrityError):
            insert()
    assert labels() == ["x"]


def test_an_error_within_a_savepoint_undoes_that():
    prepared.insert([label("x")])

    with together():
        prepared.insert_unanswered([label("y")])
        with pytest.raises(IntegrityError), transaction.atomic():
            prepared.insert_unanswered([label("x")])
        prepared.insert_unanswered([label("z")])

    assert labels() == ["x", "y", "z"]


def test_an_error_of_ours_undoes_what_was_not_even_waited_for():
    def fail():
        with together():
            prepared.insert_unanswered([label("x")])
            raise LookupError

    with pytest.raises(LookupError):
        fail()

    assert labels() == []


def test_what_the_orm_does_among_it_is_waited_for():
    with together():
        prepared.insert_unanswered([label("x")])
        made = ContentType.objects.create(app_label="travels", model="y")

        assert ContentType.objects.filter(pk=made.pk).update(model="z") == 1
        assert labels() == ["x", "z"]


def test_an_error_caught_around_a_savepoint_undoes_that_and_no_more():
    prepared.insert([label("x")])

    @transaction.atomic
    def insert():
        prepared.insert_unanswered([label("x")])
        found(name="x")

    with together():
        prepared.insert_unanswered([label("y")])
        with pytest.raises(IntegrityError):
            insert()
        prepared.insert_unanswered([label("z")])

    assert labels() == ["x", "y", "z"]


def test_the_clock_hears_no_error_of_others(monkeypatch):
    monkeypatch.setattr(clock, "reference", clock.DatabaseClock())
    prepared.insert([label("x")])

    def insert():
        with together():
            prepared.insert_unanswered([label("x")])
            clock.now()

    with pytest.raises(IntegrityError):
        insert()


def test_many_are_changed_at_once_by_threads_that_never_did(at_once):
    failed = []

    def change(_):
        try:
            fresh.many([{"before": "x", "after": "y"}, {"before": "y", "after": "z"}])
        except TypeError as error:
            failed.append(error)

    for _ in range(5):
        fresh = prepared.update(ContentType, before="model", after="model")(rename.build)
        at_once(8, change)

    assert not failed


def test_in_a_transaction_that_had_begun_each_is_run_where_it_stands():
    prepared.insert([label("x")])

    with transaction.atomic(), pipelined(), transaction.atomic():
        with pytest.raises(IntegrityError), transaction.atomic():
            prepared.insert_unanswered([label("x")])
        assert labels() == ["x"]


@pytest.mark.postgresql
class TestPostgreSQL:
    def test_who_begins_a_transaction_needs_a_place(self, monkeypatch):
        monkeypatch.setattr(deadlines, "PATIENCE", 0.3)
        taken = Places(1)
        connection.ensure_connection()

        with together():
            prepared.insert_unanswered([label("x")])
            monkeypatch.setattr("database.postgresql.base.places", taken)
            with taken, pytest.raises(OperationalError, match="All threads that may wait"):
                found(name="x")

    def test_who_has_begun_needs_none(self, monkeypatch):
        monkeypatch.setattr(deadlines, "PATIENCE", 0.3)
        taken = Places(1)

        with together():
            found(name="x")
            monkeypatch.setattr("database.postgresql.base.places", taken)
            with taken:
                prepared.insert_unanswered([label("x")])
                assert found(name="x") == [{"model": "x"}]

    def test_an_error_from_before_a_savepoint_is_not_caught_as_one_of_it(self):
        prepared.insert([label("x")])

        def insert():
            with together():
                prepared.insert_unanswered([label("x")])
                with suppress(IntegrityError), transaction.atomic():
                    prepared.insert_unanswered([label("y")])

        with pytest.raises(transaction.TransactionManagementError):
            insert()
        assert labels() == ["x"]

    def test_what_failed_and_was_caught_is_not_taken_for_done(self):
        prepared.insert([label("x")])

        def insert():
            with together():
                prepared.insert_unanswered([label("y")])
                with suppress(IntegrityError):
                    ask("INSERT INTO django_content_type (app_label, model) VALUES ('travels', 'x')")

        with pytest.raises(InternalError, match="nothing of the transaction was done"):
            insert()
        assert labels() == ["x"]

    def test_what_could_not_be_sent_is_not_taken_for_done(self):
        def insert():
            with together():
                found(name="y")
                with unanswered(), connection.cursor() as cursor:
                    cursor.execute("SELECT %s::text", [object()])
                prepared.insert_unanswered([label("x")])
                with suppress(ProgrammingError):
                    ask("SELECT 1")

        with pytest.raises(InternalError):
            insert()
        assert labels() == []

    def test_what_found_no_place_is_not_taken_for_done(self, monkeypatch):
        monkeypatch.setattr(deadlines, "PATIENCE", 0.1)
        taken, before = Places(1), Places(1)

        def insert():
            with together():
                prepared.insert_unanswered([label("x")])
                monkeypatch.setattr("database.postgresql.base.places", taken)
                with taken, suppress(OperationalError):
                    ask("SELECT 1")
                monkeypatch.setattr("database.postgresql.base.places", before)
                prepared.insert_unanswered([label("y")])

        with pytest.raises(InternalError):
            insert()
        assert labels() == []

    def test_nobody_is_told_after_a_commit_that_there_is_no_place(self, monkeypatch):
        monkeypatch.setattr(deadlines, "PATIENCE", 0.1)
        taken = Places(1)
        connection.ensure_connection()

        with taken, together():
            monkeypatch.setattr("database.postgresql.base.places", Places(1))
            prepared.insert_unanswered([label("x")])
            found(name="x")
            monkeypatch.setattr("database.postgresql.base.places", taken)

        monkeypatch.setattr("database.postgresql.base.places", Places(1))
        assert labels() == ["x"]

    def test_the_clock_is_measured_where_nobody_waits(self, monkeypatch):
        measured = clock.DatabaseClock()
        monkeypatch.setattr(clock, "reference", measured)

        with together():
            prepared.insert_unanswered([Event(kind="x", subject="1", what="x", at=None)])

        assert measured._ahead is not None

    def test_an_error_of_the_server_keeps_its_text_and_the_connection(self):
        prepared.insert([label("x")])
        [(before,)] = ask("SELECT pg_backend_pid()")

        def wait():
            with together():
                with unanswered(), connection.cursor() as cursor:
                    cursor.execute("SET LOCAL lock_timeout = '50ms'")
                    cursor.execute("UPDATE django_content_type SET model = 'y' WHERE app_label = 'travels'")
                time.sleep(0.1)
                prepared.insert_unanswered([label("z")])

        other = connection.copy()
        try:
            other.set_autocommit(False)
            with other.cursor() as cursor:
                cursor.execute("UPDATE django_content_type SET model = 'y' WHERE app_label = 'travels'")
            with pytest.raises(OperationalError, match="lock timeout"):
                wait()
        finally:
            other.close()

        assert ask("SELECT pg_backend_pid()") == [(before,)]

    def test_a_migration_meanwhile_is_told_as_such_wherever_it_is_heard_of(self):
        def read():
            with together():
                with unanswered(), connection.cursor() as cursor:
                    cursor.execute("SELECT model FROM travels")
                found(name="x")

        ask("CREATE TABLE travels (model varchar(10))")
        try:
            for _ in range(8):
                ask("SELECT model FROM travels")
            other = connection.copy()
            with other.cursor() as cursor:
                cursor.execute("ALTER TABLE travels ALTER model TYPE text")
            other.close()
            with pytest.raises(OperationalError, match="A migration changed a table"):
                read()
            assert ask("SELECT model FROM travels") == []
        finally:
            ask("DROP TABLE travels")

    def test_a_long_answer_is_read_within_the_transaction(self):
        prepared.insert([label("x")])

        with together():
            prepared.insert_unanswered([label("y")])
            rows = ContentType.objects.filter(app_label="travels").values_list("model", flat=True)
            assert sorted(rows.iterator(chunk_size=1)) == ["x", "y"]

    def test_who_waits_for_a_lock_at_the_end_gives_up_in_time(self):
        prepared.insert([label("x")])
        other = connection.copy()
        try:
            other.set_autocommit(False)
            with other.cursor() as cursor:
                cursor.execute("UPDATE django_content_type SET model = 'y' WHERE app_label = 'travels'")
            with pytest.raises(OperationalError), deadline(0.5), together():
                rename.many([{"before": "x", "after": "z"}])
        finally:
            other.close()
        connection.close_if_unusable_or_obsolete()

        assert labels() == ["x"]

    def test_a_write_that_the_server_refuses_is_told_as_such(self, monkeypatch):
        told = []
        monkeypatch.setattr("database.postgresql.base.note_refusal", told.append)

        def write():
            with together():
                with unanswered(), connection.cursor() as cursor:
                    cursor.execute("SET TRANSACTION READ ONLY")
                prepared.insert_unanswered([label("x")])

        with pytest.raises(OperationalError):
            write()

        assert told == ["cannot execute INSERT in a read-only transaction"]

    def test_a_connection_that_is_closed_among_it_is_opened_anew(self):
        def close():
            with together():
                prepared.insert_unanswered([label("x")])
                connection.close()
                found(name="x")

        with pytest.raises(Error):
            close()

        assert labels() == []

    def test_a_name_is_locked_without_a_wait_of_its_own(self):
        with together():
            locks.lock_name("travels")
            [(count,)] = ask("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")

        assert count == 1


def ask(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []
