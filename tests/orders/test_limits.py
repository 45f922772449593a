"""What one customer may hold unpaid, so that nobody takes the stock from everybody else."""

import pytest

from orders.models import Event, IdempotencyKey, Order
from tests.conftest import CUSTOMER, Person

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture(autouse=True)
def limits(settings):
    settings.UNPAID_ORDERS, settings.UNPAID_UNITS = 3, 8


def test_one_order_more_than_may_be_unpaid_is_refused_with_the_facts(alice, bob, tea, place, inventory):
    placed = [place(alice, {tea: 1}) for _ in range(3)]

    refused = place(alice, {tea: 1})

    body = refused.json()
    assert [answer.status_code for answer in placed] == [201] * 3
    assert (refused.status_code, body["code"]) == (409, "too-many-unpaid")
    assert body["unpaid"] == {"orders": 3, "units": 3}
    assert body["limits"] == {"orders": 3, "units": 8}
    assert inventory.counters(tea) == (10, 3)
    assert place(bob, {tea: 1}).status_code == 201


def test_one_unit_more_than_may_be_unpaid_is_refused(alice, tea, place, inventory):
    place(alice, {tea: 5})

    assert place(alice, {tea: 4}).json()["unpaid"] == {"orders": 1, "units": 5}
    assert place(alice, {tea: 3}).status_code == 201
    assert inventory.counters(tea) == (10, 8)


def test_a_single_order_of_too_many_units_is_refused_before_anything_is_written(alice, tea, place):
    refused = place(alice, {tea: 9})

    assert (refused.status_code, refused.json()["unpaid"]) == (409, {"orders": 0, "units": 0})
    assert not Order.objects.exists()
    assert not IdempotencyKey.objects.exists()
    assert not Event.objects.exists()


@pytest.mark.parametrize(("action", "who", "facts"), [("cancel", "alice", {}), ("pay", "dave", {"reference": "R1"})])
def test_what_is_paid_or_cancelled_makes_room_under_the_same_key(request, alice, tea, place, act, action, who, facts):
    first = place(alice, {tea: 8}).json()
    refused = place(alice, {tea: 1}, key='"again"')
    act(request.getfixturevalue(who), first, action, **facts)

    assert refused.status_code == 409
    assert place(alice, {tea: 1}, key='"again"').status_code == 201


def test_orders_that_wait_for_products_count_and_refused_ones_do_not(alice, tea, mug, place, inventory):
    place(alice, {mug: 4})
    inventory.down = True
    waiting = [place(alice, {tea: 1}).status_code for _ in range(4)]

    assert waiting == [202, 202, 202, 409]


def test_who_repeats_a_key_gets_the_order_whatever_the_limits_are_by_now(alice, tea, place):
    first = place(alice, {tea: 8}, key='"k"')

    again = place(alice, {tea: 8}, key='"k"')

    assert (again.status_code, again.content) == (201, first.content)


def test_the_page_says_so_and_keeps_what_was_filled_in(alice, tea, place):
    place(alice, {tea: 8})
    form = {"key": "k", "product": str(tea), "name": "Tea", "price": "4.50", "quantity": 1, "ship_to": "1 Mosaic Lane"}

    answer = alice.browser.post("/orders/", form)

    assert answer.status_code == 409
    assert "not paid yet" in answer.content.decode()
    assert "1 Mosaic Lane" in answer.content.decode()


@pytest.mark.django_db(transaction=True)
def test_of_twelve_orders_at_once_no_more_are_placed_than_one_by_one(alice, tea, place, inventory, at_once):
    answers = at_once(12, lambda _: place(Person("alice", CUSTOMER), {tea: 1}).status_code)

    assert sorted(answers) == [201] * 3 + [409] * 9
    assert inventory.counters(tea) == (10, 3)


# What stays: orders and their keys ----------------------------------------------------------------


def test_one_order_more_than_may_be_begun_in_a_day_is_put_off_with_the_facts(alice, bob, tea, place, settings, act):
    settings.ORDERS_PER_DAY = 2
    for _ in range(2):
        act(alice, place(alice, {tea: 1}).json(), "cancel")

    refused = place(alice, {tea: 1})

    body = refused.json()
    assert (refused.status_code, body["code"]) == (429, "too-many-orders")
    assert body["day"] == {"orders": 2, "rejected": 0}
    assert body["limits"] == {"orders": 2, "rejected": 100}
    assert 86_000 < int(refused["Retry-After"]) <= 86_400
    assert (Order.objects.count(), IdempotencyKey.objects.count()) == (2, 2)
    assert place(bob, {tea: 1}).status_code == 201


def test_rejected_orders_are_counted_apart_and_more_are_put_off(alice, tea, mug, place, settings):
    settings.REJECTED_ORDERS_PER_DAY = 2
    rejected = [place(alice, {mug: 4}).status_code for _ in range(2)]

    refused = place(alice, {tea: 1})

    assert rejected == [409, 409]
    assert (refused.status_code, refused.json()["day"]) == (429, {"orders": 2, "rejected": 2})


def test_an_order_leaves_the_day_when_it_is_a_day_old(alice, tea, place, later, settings, act):
    settings.ORDERS_PER_DAY = 2
    orders = [place(alice, {tea: 1}).json() for _ in range(2)]
    later(orders[0]["id"], hours=23, minutes=50)

    refused = place(alice, {tea: 1})
    later(orders[0]["id"], hours=24, minutes=1)

    assert 0 < int(refused["Retry-After"]) <= 600
    assert place(alice, {tea: 1}).status_code == 201


def test_a_key_in_force_is_answered_beyond_the_quota(alice, tea, place, settings):
    settings.ORDERS_PER_DAY = 1
    first = place(alice, {tea: 1}, key='"k"')

    again = place(alice, {tea: 1}, key='"k"')

    assert (place(alice, {tea: 1}).status_code, again.status_code) == (429, 201)
    assert again.content == first.content


def test_what_was_ordered_long_ago_and_is_unpaid_counts_still(alice, tea, place, later):
    for _ in range(3):
        later(place(alice, {tea: 2}).json()["id"], days=3)

    assert place(alice, {tea: 1}).json()["unpaid"] == {"orders": 3, "units": 6}


def test_the_page_puts_off_who_orders_too_often(alice, tea, place, settings):
    settings.ORDERS_PER_DAY = 1
    place(alice, {tea: 1})
    form = {"key": "k", "product": str(tea), "name": "Tea", "price": "4.50", "quantity": 1, "ship_to": "1 Mosaic Lane"}

    answer = alice.browser.post("/orders/", form)

    assert answer.status_code == 429
    assert "ordered very often" in answer.content.decode()
    assert "1 Mosaic Lane" in answer.content.decode()


@pytest.mark.django_db(transaction=True)
def test_of_twelve_orders_at_once_no_more_are_begun_in_a_day_than_one_by_one(tea, place, settings, at_once):
    settings.ORDERS_PER_DAY, settings.UNPAID_ORDERS = 3, 100

    answers = at_once(12, lambda _: place(Person("alice", CUSTOMER), {tea: 1}).status_code)

    assert sorted(answers) == [201] * 3 + [429] * 9
    assert IdempotencyKey.objects.count() == 3
