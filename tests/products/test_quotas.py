"""What one client may hold for orders, so that no machine takes the stock from everybody else."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from products import quotas, reservations
from products.models import Reservation
from products.reservations import RequestedLine
from tests.conftest import Person

pytestmark = [pytest.mark.django_db, pytest.mark.database]

URL = "/api/products/reservations/"


@pytest.fixture(autouse=True)
def limits(settings):
    settings.RESERVATIONS_PER_CLIENT, settings.UNITS_PER_CLIENT = 3, 6
    quotas._allowances.clear()
    yield
    quotas._allowances.clear()


def client(name):
    return Person(name, "stock:reserve", sub=name, aud=["products"], sid="none", client_id=name)


def hold(who, product, units=1, order_id=None):
    line = {"product": str(product.pk), "quantity": units}
    return who.put(f"{URL}{order_id or uuid4()}/", {"lines": [line]})


def test_one_reservation_more_than_a_client_may_hold_is_refused_with_the_facts(orders_service, tea, counters):
    held = [hold(orders_service, tea).status_code for _ in range(3)]

    refused = hold(orders_service, tea)

    body = refused.json()
    assert (held, refused.status_code, body["code"]) == ([200] * 3, 409, "too-many-held")
    assert body["held"] == {"reservations": 3, "units": 3}
    assert body["limits"] == {"reservations": 3, "units": 6}
    assert counters(tea) == (10, 3)
    assert hold(client("till"), tea).status_code == 200


def test_units_count_in_all_lines_and_reservations(orders_service, tea, cup, counters):
    hold(orders_service, tea, 4)
    lines = [{"product": str(product.pk), "quantity": units} for product, units in ((tea, 1), (cup, 2))]

    refused = orders_service.put(f"{URL}{uuid4()}/", {"lines": lines})

    assert (refused.status_code, refused.json()["held"]) == (409, {"reservations": 1, "units": 4})
    assert (counters(tea), counters(cup)) == ((10, 4), (3, 0))


@pytest.mark.parametrize("verb", ["release", "fulfil"])
def test_what_is_let_go_or_left_makes_room(orders_service, tea, order_id, verb):
    hold(orders_service, tea, 6, order_id)
    assert hold(orders_service, tea).status_code == 409

    if verb == "release":
        orders_service.delete(f"{URL}{order_id}/")
    else:
        orders_service.post(f"{URL}{order_id}/fulfil/")

    assert hold(orders_service, tea).status_code == 200


def test_a_repeat_is_answered_whatever_is_held(orders_service, tea, order_id):
    first = hold(orders_service, tea, 6, order_id)

    again = hold(orders_service, tea, 6, order_id)

    assert (again.status_code, again.content) == (200, first.content)


def test_the_same_process_is_no_client(tea):
    for _ in range(5):
        reservations.reserve(uuid4(), [RequestedLine(tea.pk, 2)])

    assert Reservation.objects.held().count() == 5


def test_far_from_the_limits_most_reservations_count_nothing(orders_service, tea, settings, monkeypatch):
    settings.RESERVATIONS_PER_CLIENT, settings.UNITS_PER_CLIENT = 1_000, 1_000
    counted = []
    monkeypatch.setattr(quotas, "holdings_of", lambda **_: counted.append(1) or [{"reservations": 1, "units": 1}])

    answers = [hold(orders_service, tea).status_code for _ in range(10)]

    assert (answers, len(counted)) == ([200] * 10, 1)


@pytest.mark.django_db(transaction=True)
def test_of_eight_at_once_no_more_are_held_than_one_by_one(tea, at_once, counters):
    answers = at_once(*[lambda: hold(client("orders"), tea).status_code] * 8)

    assert sorted(answers) == [200] * 3 + [409] * 5
    assert counters(tea) == (10, 3)


def test_what_stands_for_an_order_never_seen_is_forgotten_after_a_week(orders_service, tea, order_id):
    never, fresh = uuid4(), uuid4()
    hold(orders_service, tea, 1, order_id)
    for released in (order_id, never, fresh):
        orders_service.delete(f"{URL}{released}/")
    Reservation.objects.exclude(pk=fresh).update(created_at=timezone.now() - timedelta(days=8))

    assert reservations.clear_tombstones() == 1
    assert {*Reservation.objects.values_list("pk", flat=True)} == {order_id, fresh}
    assert hold(orders_service, tea, 1, fresh).status_code == 410
