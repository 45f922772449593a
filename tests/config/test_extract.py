"""A service's tables are copied and compared, here in one process; tests/journeys/split walks it for real."""

from io import StringIO

import pytest
from django.apps import apps
from django.conf import settings as deployed
from django.core.management import CommandError, call_command
from django.db import connection, connections

if "orders" not in deployed.SERVICES:
    pytest.skip("needs orders", allow_module_level=True)

from config import extract
from orders.models import Event, Order
from wire.events import SYSTEM

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def target(tmp_path, settings, monkeypatch):
    """The address of a database that does not exist yet; orders only reads."""
    settings.READ_ONLY = ["orders"]
    monkeypatch.setattr(extract, "open_target", connect)
    yield f"sqlite:///{tmp_path / 'orders.sqlite3'}"
    if extract.TARGET in connections.settings:
        connections[extract.TARGET].close()
        del connections[extract.TARGET], connections.settings[extract.TARGET]


def connect(url, open_target=extract.open_target):
    """Let Django's tests have a connection that they were not told of: they refuse to make one."""
    open_target(url)
    connections[extract.TARGET].connect()


@pytest.fixture
def order():
    order = Order.objects.create(customer_id="alice", ship_to="1 Mosaic Lane", rejection={"code": "a", "lines": []})
    order.lines.create(product="00000000-0000-4000-8000-000000000001", quantity=2, seen_price="4.500")
    Event.objects.record(order, "pending", by=SYSTEM, why={"b": 1, "a": None})
    return order


def run(*arguments):
    out = StringIO()
    call_command("extract", *arguments, stdout=out)
    return out.getvalue()


def test_every_row_comes_as_it_was(target, order):
    told = run("orders", "--to", target)

    copied = Order.objects.using(extract.TARGET).get()
    assert [getattr(copied, field.attname) for field in Order._meta.fields] == [
        getattr(Order.objects.get(), field.attname) for field in Order._meta.fields
    ]
    assert Event.objects.using(extract.TARGET).get().at == Event.objects.get().at
    assert copied.lines.using(extract.TARGET).get().quantity == 2
    tables = len(list(apps.get_app_config("orders").get_models()))
    assert told.splitlines()[-1] == f"The same in both: {tables} tables, 3 rows."


def test_numbers_go_on_after_the_last_one_given_out(target, order):
    Event.objects.record(order, "placed", by=SYSTEM)
    last = Event.objects.latest("id").pk
    Event.objects.filter(pk=last)._raw_delete("default")

    run("orders", "--to", target)
    added = Event.objects.using(extract.TARGET).create(kind="order", subject="1", what="x", sub="system")

    assert added.pk == last + 1


def test_what_differs_is_named(target, order):
    run("orders", "--to", target)
    Order.objects.update(ship_to="elsewhere")

    with pytest.raises(CommandError, match=r"these tables differ: orders_order\. Does a process still write\?"):
        run("orders", "--to", target, "--compare")


def test_rows_in_the_target_are_never_touched(target, order):
    run("orders", "--to", target)

    with pytest.raises(CommandError, match="Nothing was copied: the target is not empty: there are rows in orders_"):
        run("orders", "--to", target)


def test_a_service_that_still_writes_is_not_copied(target, settings):
    settings.READ_ONLY = []

    with pytest.raises(CommandError, match="restart every process with READ_ONLY=orders"):
        run("orders", "--to", target)


def test_several_services_go_to_one_database(target, settings, order):
    settings.READ_ONLY = settings.SERVICES

    told = run(*settings.SERVICES, *settings.SERVICES, "--to", target)

    assert {line.split("_")[0].strip() for line in told.splitlines()[:-1]} == set(settings.SERVICES)
    assert Order.objects.using(extract.TARGET).get().pk == order.pk
    assert "The same in both" in run(*settings.SERVICES, "--to", target, "--compare")


@pytest.mark.skipif(len(deployed.SERVICES) < 2, reason="needs two services in one process")
def test_of_several_none_is_copied_while_one_still_writes(target, settings):
    named = settings.SERVICES

    with pytest.raises(CommandError, match=f"restart every process with READ_ONLY={','.join(named)},"):
        run(*named, "--to", target)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="needs SQLite, which can be told to look away")
def test_what_the_target_does_not_take_is_told_and_nothing_is_copied(target, order):
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA ignore_check_constraints = on")
        cursor.execute("UPDATE orders_line SET quantity = 0")
        cursor.execute("PRAGMA ignore_check_constraints = off")

    with pytest.raises(CommandError, match="Nothing was copied, since the target does not take it: orders_line: CHECK"):
        run("orders", "--to", target)

    assert not Order.objects.using(extract.TARGET).exists()


@pytest.mark.skipif(connection.vendor != "sqlite", reason="needs SQLite, which can be told to look away")
def test_what_the_target_did_not_take_is_put_right_and_copied_at_the_second_try(target, settings, order):
    settings.READ_ONLY = settings.SERVICES
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA ignore_check_constraints = on")
        cursor.execute("UPDATE orders_line SET quantity = 0")
        cursor.execute("PRAGMA ignore_check_constraints = off")
    with pytest.raises(CommandError, match="Nothing was copied, since the target does not take it: orders_line: CHECK"):
        run(*settings.SERVICES, "--to", target)
    order.lines.update(quantity=2)

    run(*settings.SERVICES, "--to", target)

    assert Order.objects.using(extract.TARGET).get().lines.get().quantity == 2


def test_the_order_of_rows_and_of_names_does_not_matter():
    assert extract.write_row(({"b": 1, "a": b"\x01".hex()}, memoryview(b"\x02"))) == b'[{"a":"01","b":1},"02"]'
