"""Orders holds stock over HTTP."""

from uuid import uuid4

import pytest

from products import catalogue, reservations
from products.models import Stock
from products.reservations import RequestedLine
from tests.conftest import Person
from wire.events import SYSTEM

pytestmark = [pytest.mark.django_db, pytest.mark.database]

URL = "/api/products/reservations/"


def want(*lines):
    names = ("product", "quantity", "price")
    return {"lines": [dict(zip(names, (str(line[0].pk), *line[1:]), strict=False)) for line in lines]}


def test_a_reservation_is_answered_with_its_prices(orders_service, tea, order_id):
    body = want((tea, 2, "4.50"))

    first = orders_service.put(f"{URL}{order_id}/", body)
    again = orders_service.put(f"{URL}{order_id}/", body)

    line = {"product": str(tea.pk), "sku": "TEA", "name": "Tea", "quantity": 2, "unit_price": "4.50", "currency": "EUR"}
    assert (first.status_code, first.json()) == (200, {"order": str(order_id), "state": "held", "lines": [line]})
    assert (again.status_code, again.json()) == (first.status_code, first.json())


def test_goods_are_handed_over_and_taken_back(orders_service, tea, order_id, counters):
    orders_service.put(f"{URL}{order_id}/", want((tea, 2)))

    gone = orders_service.post(f"{URL}{order_id}/fulfil/")
    back = orders_service.post(f"{URL}{order_id}/take-back/", {})

    assert (gone.status_code, gone.json()) == (200, {"order": str(order_id), "state": "fulfilled"})
    assert (back.status_code, back.json()) == (200, {"order": str(order_id), "state": "taken_back"})
    assert counters(tea) == (10, 0)


def test_a_post_with_a_type_but_no_body_is_taken(orders_service, tea, order_id):
    orders_service.put(f"{URL}{order_id}/", want((tea, 2)))

    assert orders_service.generic("POST", f"{URL}{order_id}/fulfil/", "", "application/json").status_code == 200


def test_a_release_is_answered_with_nothing(orders_service, tea, order_id, counters):
    orders_service.put(f"{URL}{order_id}/", want((tea, 2)))

    answers = [orders_service.delete(f"{URL}{order_id}/") for _ in range(2)]

    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b"")] * 2
    assert counters(tea) == (10, 0)


def test_a_shortage_is_told_by_line(orders_service, tea, order_id):
    answer = orders_service.put(f"{URL}{order_id}/", want((tea, 11)))

    assert (answer.status_code, answer.json()["code"]) == (409, "insufficient-stock")
    assert answer.json()["lines"] == [{"product": str(tea.pk), "name": "Tea", "wanted": 11, "available": 10}]


def test_a_changed_price_is_told_by_line(orders_service, tea, order_id):
    answer = orders_service.put(f"{URL}{order_id}/", want((tea, 1, "4.00")))

    assert (answer.status_code, answer.json()["code"]) == (409, "price-changed")
    facts = {"seen": "4.00", "price": "4.50", "currency": "EUR"}
    assert answer.json()["lines"] == [{"product": str(tea.pk), "name": "Tea", **facts}]


def test_what_cannot_be_ordered_is_told_by_line(orders_service, tea, cup, order_id, add):
    scone = add("Scone", on_hand=5, currency="GBP")
    catalogue.change_product(cup.pk, {"active": False}, by=SYSTEM)
    unknown = {"lines": [{"product": str(uuid4()), "quantity": 1}]}

    answers = [
        orders_service.put(f"{URL}{order_id}/", body)
        for body in (unknown, want((cup, 1), (tea, 1)), want((tea, 1), (scone, 1)))
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (409, "unknown-product"),
        (409, "retired-product"),
        (409, "mixed-currencies"),
    ]
    assert [[line["product"] for line in answer.json()["lines"]] for answer in answers] == [
        [unknown["lines"][0]["product"]],
        [str(cup.pk)],
        [str(product) for product in sorted([tea.pk, scone.pk])],
    ]


def test_other_lines_are_a_conflict(orders_service, tea, order_id):
    orders_service.put(f"{URL}{order_id}/", want((tea, 2)))

    answer = orders_service.put(f"{URL}{order_id}/", want((tea, 3)))

    assert (answer.status_code, answer.json()["code"]) == (409, "other-lines")
    assert answer.json()["lines"] == [{"product": str(tea.pk), "quantity": 2}]


def test_what_was_released_is_gone(orders_service, tea, order_id):
    orders_service.delete(f"{URL}{order_id}/")

    answers = [
        orders_service.put(f"{URL}{order_id}/", want((tea, 2))),
        orders_service.post(f"{URL}{order_id}/fulfil/"),
        orders_service.post(f"{URL}{order_id}/take-back/"),
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(410, "gone")] * 3


@pytest.mark.parametrize(
    "line",
    [
        {"quantity": 0},
        {"quantity": -1},
        {"quantity": "2"},
        {"quantity": True},
        {"quantity": 1.5},
        {"quantity": 10**30},
        {"quantity": 1_000_001},
        {"product": "tea"},
        {"product": 7},
        {"price": 4.5},
        {"price": "cheap"},
        {"price": "-1"},
        {"colour": "green"},
    ],
)
def test_a_line_without_sense_is_refused(orders_service, tea, order_id, counters, line):
    body = {"lines": [{"product": str(tea.pk), "quantity": 1, **line}]}

    answer = orders_service.put(f"{URL}{order_id}/", body)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert counters(tea) == (10, 0)


@pytest.mark.parametrize("body", [{}, {"lines": []}, {"lines": {}}, {"lines": [7]}, {"lines": None}, []])
def test_a_body_without_lines_is_refused(orders_service, order_id, body):
    assert orders_service.put(f"{URL}{order_id}/", body).status_code == 400


def test_too_many_lines_are_refused(orders_service, tea, order_id):
    assert orders_service.put(f"{URL}{order_id}/", want(*[(tea, 1)] * 101)).status_code == 400


def test_what_is_held_is_listed_page_by_page(orders_service, tea, cup):
    orders = sorted(uuid4() for _ in range(3))
    for order_id in orders:
        reservations.reserve(order_id, [RequestedLine(tea.pk, 1), RequestedLine(cup.pk, 1)])
    released = uuid4()
    reservations.reserve(released, [RequestedLine(tea.pk, 1)])
    reservations.release(released)

    first = orders_service.get(URL, {"state": "held", "limit": 2}).json()
    second = orders_service.get(first["next"]).json()

    products = sorted([tea.pk, cup.pk])
    lines = [{"product": str(product), "quantity": 1} for product in products]
    assert first["results"] == [{"order": str(order_id), "lines": lines} for order_id in orders[:2]]
    assert second["results"] == [{"order": str(orders[2]), "lines": lines}]
    assert (first["previous"], second["next"]) == (None, None)


def test_only_what_is_held_is_listed(orders_service):
    assert orders_service.get(URL, {"state": "released"}).status_code == 400


def test_people_hold_no_stock(admin, anonymous, tea, order_id, counters):
    address = f"{URL}{order_id}/"
    for person, status in ((admin, 403), (anonymous, 401)):
        answers = [
            person.get(URL),
            person.put(address, want((tea, 1))),
            person.delete(address),
            person.post(f"{address}fulfil/"),
            person.post(f"{address}take-back/"),
        ]
        assert {answer.status_code for answer in answers} == {status}
    assert counters(tea) == (10, 0)


def test_the_list_takes_as_many_queries_however_long(orders_service, tea, cup, django_assert_num_queries):
    for count in (1, 5):
        for _ in range(count):
            reservations.reserve(uuid4(), [RequestedLine(tea.pk, 1)])
        with django_assert_num_queries(2):
            orders_service.get(URL)


def test_a_reservation_takes_as_many_statements_with_two_lines_as_with_one(
    orders_service, tea, cup, django_assert_num_queries
):
    orders_service.put(f"{URL}{uuid4()}/", want((tea, 1)))  # What it may hold is counted now and then.
    with django_assert_num_queries(8):
        orders_service.put(f"{URL}{uuid4()}/", want((tea, 1)))
    with django_assert_num_queries(8):
        orders_service.put(f"{URL}{uuid4()}/", want((tea, 1), (cup, 1)))


def test_what_another_client_holds_is_gone_for_this_one(orders_service, tea, order_id, counters):
    other = Person("market", "stock:reserve", sub="market", aud=["products"], client_id="market")
    other.put(f"{URL}{order_id}/", want((tea, 2)))

    address = f"{URL}{order_id}/"
    answers = [
        orders_service.put(address, want((tea, 2))),
        orders_service.delete(address),
        orders_service.post(f"{address}fulfil/"),
        orders_service.post(f"{address}take-back/"),
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(410, "gone")] * 4
    assert [len(person.get(URL, {"state": "held"}).json()["results"]) for person in (orders_service, other)] == [0, 1]
    assert counters(tea) == (10, 2)
    assert other.post(f"{address}fulfil/").status_code == 200


def test_what_was_held_in_one_process_is_anybodys(orders_service, tea, order_id, counters):
    reservations.reserve(order_id, [RequestedLine(tea.pk, 2)])

    assert orders_service.delete(f"{URL}{order_id}/").status_code == 204
    assert counters(tea) == (10, 0)


def test_books_that_contradict_it_are_told(orders_service, tea, order_id):
    orders_service.put(f"{URL}{order_id}/", want((tea, 2)))
    Stock.objects.update(reserved=0)

    answers = [orders_service.post(f"{URL}{order_id}/fulfil/"), orders_service.delete(f"{URL}{order_id}/")]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(409, "stock-drift")] * 2
    assert reservations.state_of(order_id) == "held"
