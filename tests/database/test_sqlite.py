"""Whoever writes to a SQLite file stands in a queue, and leaves it whatever happens."""

import fcntl
import os
import sqlite3
import threading
import time

import pytest
from django.apps.registry import Apps
from django.db import IntegrityError, OperationalError, connections, models, transaction
from django.db.migrations.state import ModelState

from database.deadlines import deadline

PRAGMAS = "PRAGMA journal_mode=WAL; PRAGMA foreign_keys=ON; PRAGMA synchronous=OFF;"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "shop.sqlite3"


@pytest.fixture
def own(path, django_db_blocker):
    """A connection to a file; each thread has one of its own under the same alias."""
    connections.settings["own"] = dict(connections["default"].settings_dict) | {
        "ENGINE": "database.sqlite",
        "NAME": str(path),
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 0.3, "init_command": PRAGMAS},
    }
    with django_db_blocker.unblock():
        with connections["own"].cursor() as cursor:
            cursor.execute("CREATE TABLE sale (id INTEGER PRIMARY KEY)")
            cursor.execute("CREATE TABLE part (sale INTEGER REFERENCES sale DEFERRABLE INITIALLY DEFERRED)")
        yield connections["own"]
        connections["own"].close()
    del connections["own"], connections.settings["own"]


@pytest.fixture
def is_free(path):
    """Whether another process would have its turn at once."""

    def is_free():
        file = os.open(f"{path}-queue", os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(file)
        return True

    return is_free


def sell(number=1):
    with connections["own"].cursor() as cursor:
        cursor.execute("INSERT INTO sale VALUES (%s)", [number])


def count():
    with connections["own"].cursor() as cursor:
        return cursor.execute("SELECT count(*) FROM sale").fetchone()[0]


def test_a_transaction_has_its_turn_until_it_is_committed(own, is_free):
    with transaction.atomic(using="own"):
        sell(1)
        with transaction.atomic(using="own"):
            sell(2)
        during = is_free()

    assert (during, is_free(), count()) == (False, True, 2)


def test_one_that_is_rolled_back_leaves(own, is_free):
    with transaction.atomic(using="own"):
        sell()
        transaction.set_rollback(True, using="own")

    assert (is_free(), count()) == (True, 0)


def test_one_that_cannot_be_committed_leaves(own, is_free):
    with pytest.raises(IntegrityError), transaction.atomic(using="own"):
        own.cursor().execute("INSERT INTO part VALUES (7)")

    assert is_free()


def test_one_whose_connection_is_closed_leaves(own, is_free):
    with transaction.atomic(using="own"):
        sell()
        own.close()

    assert (is_free(), count()) == (True, 0)


def test_a_single_statement_has_its_turn_and_leaves_even_if_it_fails(own, is_free):
    sell()
    after_one = is_free()
    with pytest.raises(IntegrityError):
        sell()

    assert (after_one, is_free(), count()) == (True, True, 1)


def test_who_only_reads_does_not_wait(own, path):
    file = os.open(f"{path}-queue", os.O_RDWR | os.O_CREAT)
    fcntl.flock(file, fcntl.LOCK_EX)

    assert count() == 0

    os.close(file)


def test_a_writer_waits_for_another_process_longer_than_sqlite_would(own, path):
    """A queue that is handed on needs no deadline: who is next is next."""
    file = os.open(f"{path}-queue", os.O_RDWR | os.O_CREAT)
    fcntl.flock(file, fcntl.LOCK_EX)
    writer = threading.Thread(target=in_thread(sell, []))
    writer.start()
    time.sleep(0.6)

    before = count()
    os.close(file)
    writer.join()

    assert (before, count()) == (0, 1)


def test_a_thread_that_waits_too_long_for_another_is_told(own):
    told = []
    with transaction.atomic(using="own"):
        writer = threading.Thread(target=in_thread(sell, told))
        writer.start()
        writer.join()

    assert [(type(error), str(error)) for error in told] == [(OperationalError, "database is locked")]


def sell_in_transaction():
    with transaction.atomic(using="own"):
        sell()


@pytest.mark.parametrize("write", [sell, sell_in_transaction])
def test_who_stands_in_no_queue_is_waited_for_until_the_deadline(own, path, is_free, write):
    own.close()
    connections.settings["own"]["OPTIONS"]["timeout"] = 5
    tool = sqlite3.connect(path, isolation_level=None)
    tool.execute("BEGIN IMMEDIATE")
    began = time.monotonic()

    with deadline(0.3), pytest.raises(OperationalError, match="database is locked"):
        write()
    waited = time.monotonic() - began
    after = is_free()
    tool.execute("ROLLBACK")
    tool.close()
    write()

    assert 0.2 < waited < 4
    assert (after, count()) == (True, 1)


def test_without_a_deadline_it_is_waited_for_as_long_as_ever(own, path):
    own.close()
    connections.settings["own"]["OPTIONS"]["timeout"] = 5
    with deadline(0.3):
        sell(1)
    tool = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    tool.execute("BEGIN IMMEDIATE")
    end = threading.Timer(0.6, tool.execute, ["ROLLBACK"])
    end.start()

    sell(2)

    end.join()
    tool.close()
    assert count() == 2


def test_many_threads_sell_all_and_nobody_is_turned_away(own):
    connections.settings["own"]["OPTIONS"]["timeout"] = 20
    told = []
    threads = [threading.Thread(target=in_thread(sell_ten, told, number)) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (told, count()) == ([], 320)


def sell_ten(first):
    for number in range(10):
        with transaction.atomic(using="own"):
            sell(first * 10 + number)


def in_thread(work, told, *arguments):
    """Some work for a thread, which notes what it raises and closes its connection."""

    def run():
        try:
            work(*arguments)
        except OperationalError as error:
            told.append(error)
        finally:
            connections["own"].close()

    return run


def test_a_table_that_is_made_anew_keeps_its_triggers(own):
    thing = ModelState("own", "thing", [("id", models.AutoField(primary_key=True)), ("name", models.CharField())])
    model = thing.render(Apps())
    with own.schema_editor() as editor:
        editor.create_model(model)
        editor.execute("CREATE TRIGGER sold AFTER INSERT ON own_thing BEGIN INSERT INTO sale VALUES (new.id); END")
    may_be_missing = models.CharField(null=True)
    may_be_missing.set_attributes_from_name("name")

    with own.schema_editor() as editor:
        editor.alter_field(model, model._meta.get_field("name"), may_be_missing)

    with own.cursor() as cursor:
        cursor.execute("INSERT INTO own_thing (id, name) VALUES (7, NULL)")
        cursor.execute("SELECT id FROM sale")
        assert cursor.fetchall() == [(7,)]
