"""What orders holds of somebody is handed out; when they are erased, what law has a shop keep stays."""

import json
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from orders.lifecycle import Status
from orders.models import BasketLine, Event, Order
from orders.personal_data import NAMELESS, export, forget_unpaid

pytestmark = [pytest.mark.django_db, pytest.mark.database]

TOLD = ("customer_name", "customer_email", "ship_to")


@pytest.fixture
def order(place, alice, tea):
    """An order of Alice's, at some status: `order("delivered")`."""

    def order(status, **columns):
        key = place(alice, {tea: 1}, ship_to="1 Mosaic Lane").json()["id"]
        Order.objects.filter(pk=key).update(status=status, **columns)
        return key

    return order


def erase(person):
    call_command("erase_person", person, "--yes", verbosity=0)


def told(key):
    return tuple(Order.objects.values_list(*TOLD).get(pk=key))


def test_all_of_ones_orders_are_handed_out_and_nothing_of_others(order, alice, bob, place, tea, act, dave, tmp_path):
    key = order("placed")
    act(dave, {"id": key}, "pay", reference="R1")
    other = place(bob, {tea: 1}).json()["id"]

    call_command("export_person", alice.sub, str(tmp_path / "alice.json"))

    text = (tmp_path / "alice.json").read_text()
    held = json.loads(text)["orders"]
    assert [row["id"] for row in held["orders"]] == [key]
    assert [row["ship_to"] for row in held["orders"]] == ["1 Mosaic Lane"]
    assert len(held["lines"]) == 1
    assert [event["what"] for event in held["events"]] == ["pending", "placed", "paid"]
    assert (other in text, dave.sub in text, "dave@example.com" in text) == (False, False, False)


def test_what_staff_did_to_orders_is_handed_out_without_what_it_tells_of_customers(order, act, dave):
    act(dave, {"id": order("placed")}, "pay", reference="R1")

    events = [*export(dave.sub)["events"]]

    assert [(event["what"], event["sub"], event["facts"]) for event in events] == [("paid", dave.sub, {})]


@pytest.mark.parametrize("status", [Status.REJECTED, Status.CANCELLED, Status.EXPIRED])
def test_what_nobody_paid_and_is_over_names_nobody(order, alice, status):
    key = order(status)

    erase(alice.sub)

    assert told(key) == ("", "", "")
    assert Order.objects.get(pk=key).customer_id == alice.sub


@pytest.mark.parametrize("status", [Status.DELIVERED, Status.RETURNED, Status.CANCELLED])
def test_what_was_paid_keeps_name_and_address_for_as_long_as_the_law_wants(order, alice, status):
    key = order(status, payment_reference="R1")
    before = told(key)
    long_ago = timezone.now() - settings.KEPT["people in orders"] - timedelta(days=1)
    old = order(status, payment_reference="R2", created_at=long_ago)

    erase(alice.sub)

    assert (told(key), told(old)) == (before, ("", "", ""))


@pytest.mark.parametrize("status", [Status.PENDING, Status.PLACED, Status.PAID, Status.SHIPPED])
def test_who_waits_for_a_parcel_gets_it(order, alice, status, capsys):
    key = order(status)

    call_command("erase_person", alice.sub, "--yes")

    assert "1 Mosaic Lane" in told(key)
    assert "run this again when they are" in capsys.readouterr().out


def test_the_basket_goes_and_events_name_nobody(order, alice, bob):
    order("placed")
    BasketLine.objects.create(customer_id=alice.sub, product=order("placed"), quantity=1, price="1")
    BasketLine.objects.create(customer_id=bob.sub, product=order("placed"), quantity=1, price="1")

    erase(alice.sub)

    assert [line.customer_id for line in BasketLine.objects.all()] == [bob.sub]
    assert {event.actor for event in Event.objects.filter(sub=alice.sub)} == {""}


def test_somebody_is_found_by_the_address_of_their_orders(order, alice):
    key = order(Status.CANCELLED)

    erase("Alice@Example.com")

    assert {*told(key)} == {*NAMELESS.values()}


OLD = settings.KEPT["people"] + timedelta(days=1)


@pytest.mark.parametrize("status", [Status.REJECTED, Status.CANCELLED, Status.EXPIRED])
def test_an_order_that_ended_unpaid_names_nobody_in_the_end(order, status):
    keys = [order(status, created_at=timezone.now() - OLD) for _ in range(2)]
    version = Order.objects.get(pk=keys[0]).version

    assert (forget_unpaid(), forget_unpaid()) == (2, 0)

    assert [told(key) for key in keys] == [("", "", "")] * 2
    assert Order.objects.get(pk=keys[0]).version == version + 1


@pytest.mark.parametrize(
    ("status", "reference", "age"),
    [
        (Status.CANCELLED, "", OLD - timedelta(days=2)),
        (Status.CANCELLED, "R1", OLD),
        (Status.PLACED, "", OLD),
        (Status.RETURNED, "R1", OLD),
        # As of before an order kept its reference.
        (Status.DELIVERED, "", OLD),
    ],
)
def test_an_order_that_is_young_was_paid_or_goes_on_is_left_alone(order, status, reference, age):
    key = order(status, payment_reference=reference, created_at=timezone.now() - age)
    before = told(key)

    assert (forget_unpaid(), told(key)) == (0, before)
