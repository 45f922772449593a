"""A lock by name lasts over many transactions, and ends with whoever holds it."""

import threading

import pytest
from django.db import connection, connections

from database import locks

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


@pytest.fixture(autouse=True)
def in_a_file(tmp_path, monkeypatch):
    """Where the database is in memory there is one process, and no lock; here there shall be one."""
    if connection.vendor == "sqlite":
        monkeypatch.setattr(type(connections["default"]), "is_in_memory_db", lambda _: False)
        monkeypatch.setitem(connection.settings_dict, "NAME", str(tmp_path / "shop"))


def test_the_second_waits_until_the_first_is_done_and_is_told_so():
    told, done = threading.Event(), []

    def second():
        with locks.hold_name("command demo", patience=20, tell=told.set):
            done.append("second")
        connection.close()

    thread = threading.Thread(target=second)
    with locks.hold_name("command demo", patience=20, tell=told.set):
        thread.start()
        assert told.wait(20)
        done.append("first")
    thread.join(20)

    assert done == ["first", "second"]


def test_who_waits_too_long_gives_up_and_another_name_is_free():
    told = []

    with locks.hold_name("command demo", patience=20, tell=told.clear):
        with locks.hold_name("command migrate", patience=0, tell=lambda: told.append("migrate")):
            pass
        demo = locks.hold_name("command demo", patience=0, tell=lambda: told.append("demo"))
        with pytest.raises(locks.StillHeld), demo:
            pytest.fail("two hold one name")

    assert told == ["demo"]
