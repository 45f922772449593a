"""A service's tables are copied and compared, here in one process; tests/journeys/split walks it for real."""

from io import StringIO

import pytest
from django.conf import settings as deployed
from django.core.management import CommandError, call_command
from django.db import connections

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
    assert told.splitlines()[-1] == "The same in both: 5 tables, 3 rows."


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


def test_the_order_of_rows_and_of_names_does_not_matter():
    assert extract.write_row(({"b": 1, "a": b"\x01".hex()}, memoryview(b"\x02"))) == b'[{"a":"01","b":1},"02"]'
