"""As many threads as may wait for the database do; more wait for a place while it answers, none while it is silent."""

import threading
import time

import pytest
from django.db import OperationalError, connection, transaction

from database import deadlines
from database.deadlines import Places, deadline
from tests.journeys.split.shapes import await_true


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    monkeypatch.setattr(deadlines, "PATIENCE", 0.5)


def test_one_more_waits_for_a_database_that_is_slow(monkeypatch):
    monkeypatch.setattr(deadlines, "PATIENCE", 1.0)
    places, answered = Places(1), []

    def ask(number):
        with places:
            time.sleep(0.2)
            answered.append(number)

    threads = [threading.Thread(target=ask, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answered) == list(range(8))


def test_nobody_waits_for_one_that_is_silent_until_it_answers():
    places = Places(1)

    with places:
        for _ in range(3):
            with pytest.raises(OperationalError, match="All threads that may wait"):
                places.__enter__()
    with places:
        pass


def test_who_has_no_more_time_does_not_wait():
    places = Places(1)

    with places:
        with deadline(0), pytest.raises(OperationalError):
            places.__enter__()
        assert places._patience(time.monotonic()) > 0


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_who_is_in_a_transaction_needs_no_place(monkeypatch):
    from database.postgresql import base

    taken = Places(1)
    monkeypatch.setattr(base, "places", taken)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        with taken:
            cursor.execute("SELECT 2")
            answer = cursor.fetchone()

    with taken, deadline(0.2), pytest.raises(OperationalError, match="do\\."):
        connection.cursor().execute("SELECT 3")
    assert answer == (2,)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_statement_whose_cancellation_was_lost_ends_with_its_connection():
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND pid = %s"
    own = connection.copy()
    own.ensure_connection()
    backend = own.connection.info.backend_pid
    with connection.cursor() as cursor:

        def count_waiting():
            cursor.execute(waiting, [backend])
            return cursor.fetchone()[0]

        cursor.execute("SELECT pg_advisory_lock(1)")
        try:
            own.connection.pgconn.send_query(b"SELECT pg_advisory_lock(1)")
            await_true(lambda: count_waiting() == 1, "it waits for the lock")
            own.close()
            await_true(lambda: count_waiting() == 0, "the server sees that nobody waits for it")
        finally:
            cursor.execute("SELECT pg_advisory_unlock(1)")
