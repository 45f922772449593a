"""What runs beside requests: settling, expiring, clearing."""

import re
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.utils import timezone

from database import bounded_counts
from orders.jobs import JOBS
from orders.models import Event, Order
from orders.resuming import expire_unpaid, settle_orders

pytestmark = pytest.mark.django_db


def test_an_unpaid_order_expires_after_a_day(alice, tea, place, inventory, later):
    order = place(alice, {tea: 2}).json()
    later(order["id"], hours=25)

    assert (expire_unpaid(), settle_orders()) == (1, {"settled": 1, "stuck": 0, "left": 0})
    assert (Order.objects.get().status, inventory.counters(tea)) == ("expired", (10, 0))
    assert Event.objects.order_by("id").last().sub == "system"


@pytest.mark.parametrize(("hours", "paid"), [(23, False), (25, True)])
def test_an_order_in_time_does_not_expire(alice, dave, tea, place, act, later, hours, paid):
    order = place(alice, {tea: 2}).json()
    if paid:
        act(dave, order, "pay", reference="P-1")
    later(order["id"], hours=hours)

    assert expire_unpaid() == 0
    assert Order.objects.get().status == ("paid" if paid else "placed")


def test_settle_orders_says_what_it_did(alice, tea, place, inventory, capsys):
    inventory.down = True
    place(alice, {tea: 2})
    inventory.down = False
    out = StringIO()

    call_command("settle_orders", stdout=out)

    assert out.getvalue() == "1 settled, 0 stuck, 0 left\n"


def test_settle_orders_fails_while_something_is_left(alice, tea, place, inventory):
    inventory.down = True
    place(alice, {tea: 2})

    with pytest.raises(CommandError):
        call_command("settle_orders", stdout=StringIO())


def test_settle_orders_rests_while_orders_only_reads(alice, tea, place, inventory, settings):
    inventory.down = True
    place(alice, {tea: 2})
    inventory.down = False
    settings.READ_ONLY = ["orders"]

    with pytest.raises(CommandError, match="READ_ONLY"):
        call_command("settle_orders", stdout=StringIO())
    assert Order.objects.get().status == "pending"


def test_what_nobody_expected_of_one_order_does_not_stop_the_others(alice, tea, mug, place, inventory, caplog):
    inventory.down = True
    place(alice, {tea: 2})
    younger = place(alice, {mug: 1}).json()
    inventory.down = False
    inventory.meanwhile = lambda: 1 / 0

    assert settle_orders() == {"settled": 1, "stuck": 1, "left": 0}
    assert Order.objects.get(pk=younger["id"]).status == "placed"
    assert "ZeroDivisionError" in caplog.text


def test_metrics_tell_what_is_unsettled(client, alice, tea, place, act, inventory, later):
    owing = place(alice, {tea: 1}).json()
    inventory.down = True
    act(alice, owing, "cancel")
    place(alice, {tea: 1})
    overdue = place(alice, {tea: 1}).json()
    later(overdue["id"], minutes=16)

    assert figures(client) == {"owing": 1, "waiting": 2, "overdue": 1, "stuck": 0}


def test_metrics_tell_the_status_of_orders(client, alice, dave, tea, place, act):
    act(dave, place(alice, {tea: 1}).json(), "pay", reference="P-1")
    place(alice, {tea: 1})

    found = figures(client, "tessera_orders")

    assert {status: count for status, count in found.items() if count} == {"paid": 1, "placed": 1}
    assert len(found) == 9


def test_metrics_tell_for_how_long_orders_are_unsettled(client, alice, tea, place, act, inventory, later):
    """An order that owes something may be old: what counts is when its status changed."""
    owing = place(alice, {tea: 1}).json()
    later(owing["id"], hours=20)
    inventory.down = True
    act(alice, owing, "cancel")
    later(place(alice, {tea: 1}).json()["id"], minutes=10)
    Event.objects.filter(subject=owing["id"]).update(at=timezone.now() - timedelta(minutes=2))

    found = figures(client, "tessera_orders_oldest_seconds")

    assert {state: seconds // 60 for state, seconds in found.items()} == {
        "owing": 2,
        "waiting": 10,
        "overdue": 0,
        "stuck": 0,
    }


def test_metrics_count_up_to_a_bound(client, alice, tea, place, monkeypatch):
    monkeypatch.setattr(bounded_counts, "MOST", 2)
    for _ in range(3):
        place(alice, {tea: 1})

    assert figures(client, "tessera_orders")["placed"] == 2


def test_metrics_are_there_without_a_database(client):
    def away(*_):
        raise OperationalError("away")

    with connection.execute_wrapper(away):
        answer = client.get("/metrics")
        assert (answer.status_code, b"tessera_http_requests_total" in answer.content) == (200, True)
        assert figures(client) == {}


def figures(client, name="tessera_orders_unsettled"):
    text = client.get("/metrics").content.decode()
    found = re.findall(rf'^{name}\{{\w+="(\w+)"\}} (\d+)', text, re.MULTILINE)
    return {state: int(count) for state, count in found}


def test_every_job_runs_on_an_empty_shop():
    for run, interval in JOBS.values():
        run()
        assert interval > 0

    assert list(JOBS) == [
        "settle",
        "retry",
        "expire",
        "clear",
        "clear baskets",
        "forget people",
        "forget unpaid",
        "send mails",
        "clear mails",
    ]
