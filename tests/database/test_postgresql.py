"""A connection that died is noticed before it is used, without asking the server."""

import time
from contextlib import contextmanager

import pytest
from django.db import OperationalError, connection, connections

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]


@pytest.fixture
def other():
    """A connection as a request leaves it behind; the tests' own stays whole."""
    left = connections["default"].copy()
    left.ensure_connection()
    yield left
    left.close()


def test_a_living_connection_is_kept(other):
    assert other.is_usable() is True


def test_a_connection_that_the_server_ended_is_opened_anew(other):
    pid = other.connection.info.backend_pid
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

    assert other.is_usable() is False


def test_a_pattern_is_never_prepared(other):
    with other.cursor() as cursor:
        for _ in range(20):
            cursor.execute("SELECT 1 WHERE 'tea' LIKE %s", ["%t%"])
            cursor.execute("SELECT 2 WHERE 'tea' = %s", ["tea"])
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        prepared = [statement for (statement,) in cursor.fetchall()]

    assert [statement[:8] for statement in prepared] == ["SELECT 2"]


@pytest.fixture
def table(other):
    with other.cursor() as cursor:
        cursor.execute("CREATE TABLE widened (name varchar(30))")
        cursor.execute("INSERT INTO widened VALUES ('tea')")
    yield "widened"
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE widened")


def read_name(cursor):
    cursor.execute("SELECT name FROM widened WHERE name = %s", ["tea"])
    return cursor.fetchall()


@pytest.mark.parametrize("change", ["TYPE varchar(300)", "TYPE text", 'TYPE varchar(30) COLLATE "C"'])
def test_a_plan_that_a_migration_outdated_is_made_anew(other, table, change):
    with other.cursor() as cursor:
        for _ in range(10):
            read_name(cursor)
        with connection.cursor() as migration:
            migration.execute(f"ALTER TABLE {table} ALTER COLUMN name {change}")

        assert [read_name(cursor) for _ in range(10)] == [[("tea",)]] * 10


@contextmanager
def transaction_on(other):
    other.set_autocommit(False)
    try:
        yield
    except OperationalError:
        other.rollback()
        raise
    else:
        other.commit()


def test_in_a_transaction_it_is_an_error_that_passes(other, table):
    def transaction():
        with transaction_on(other), other.cursor() as cursor:
            return read_name(cursor)

    for _ in range(10):
        transaction()
    with connection.cursor() as migration:
        migration.execute(f"ALTER TABLE {table} ALTER COLUMN name TYPE text")

    with pytest.raises(OperationalError, match="A migration changed a table"):
        transaction()
    assert transaction() == [("tea",)]


def work_on(cursor):
    cursor.execute("SELECT 1")


def do_nothing(cursor):
    pass


@pytest.mark.parametrize("rest", [work_on, do_nothing])
def test_a_transaction_that_the_server_ended_since_its_process_slept_may_be_begun_again(other, rest):
    with other.cursor() as cursor:
        cursor.execute("SET idle_in_transaction_session_timeout = '100ms'")

    def sleep():
        with transaction_on(other), other.cursor() as cursor:
            work_on(cursor)
            time.sleep(0.5)
            rest(cursor)

    with pytest.raises(OperationalError):
        sleep()
    assert other.is_usable() is False


@pytest.mark.parametrize(("code", "is_refusal"), [("25P04", False), ("25006", True), ("53100", True)])
def test_what_a_commit_is_refused_for_is_told_as_such(other, table, monkeypatch, code, is_refusal):
    told = []
    monkeypatch.setattr("database.postgresql.base.note_refusal", told.append)
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '{code}'; END $$"
        )
        cursor.execute(
            f"CREATE CONSTRAINT TRIGGER refused AFTER INSERT ON {table} "
            "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()"
        )
    try:
        with pytest.raises(OperationalError), transaction_on(other), other.cursor() as cursor:
            cursor.execute("INSERT INTO widened VALUES ('mug')")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION refuse CASCADE")

    assert [words.partition("\n")[0] for words in told] == ["refused"] * is_refusal
