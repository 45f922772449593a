"""Placing an order over the API."""

import pytest

from orders.models import Event, IdempotencyKey, Order
from tests.conftest import Person

pytestmark = pytest.mark.django_db


def test_an_order_is_placed_at_the_prices_of_products(alice, tea, mug, place, inventory):
    response = place(alice, {tea: 2, mug: 1}, ship_to="1 Mosaic Lane")

    order, events = Order.objects.get(), list(Event.objects.order_by("id"))
    lines = [
        {"product": str(tea), "sku": "tea", "name": "Tea", "quantity": 2, "unit_price": "4.50", "total": "9.00"},
        {"product": str(mug), "sku": "mug", "name": "Mug", "quantity": 1, "unit_price": "9.80", "total": "9.80"},
    ]
    assert response.status_code == 201
    assert response.json() == {
        "id": str(order.pk),
        "number": order.number,
        "status": "placed",
        "customer": {"id": alice.sub, "name": "Alice", "email": "alice@example.com"},
        "created_at": stamp(order.created_at),
        "placed_at": stamp(order.placed_at),
        "total": "18.80",
        "currency": "EUR",
        "ship_to": "1 Mosaic Lane",
        "lines": sorted(lines, key=lambda line: line["product"]),
        "allowed_actions": ["cancel"],
        "events": [
            {"what": "pending", "at": stamp(events[0].at), "by": alice.sub, "facts": {}},
            {"what": "placed", "at": stamp(events[1].at), "by": "system", "facts": {}},
        ],
    }
    assert response["Location"] == f"http://testserver/api/orders/{order.pk}/"
    assert inventory.counters(tea) == (10, 2)


def test_a_product_named_twice_is_one_line(alice, tea, inventory):
    lines = [{"product": str(tea), "quantity": 2}, {"product": str(tea), "quantity": 3, "price": "4.50"}]

    response = alice.post("/api/orders/", {"lines": lines}, headers={"Idempotency-Key": '"k"'})

    assert [line["quantity"] for line in response.json()["lines"]] == [5]
    assert inventory.counters(tea) == (10, 5)


def test_every_shortage_is_named_and_nothing_is_held(alice, tea, mug, place, inventory):
    response = place(alice, {tea: 11, mug: 4})

    shortages = [
        {"product": str(tea), "wanted": 11, "available": 10},
        {"product": str(mug), "wanted": 4, "available": 3},
    ]
    assert refusal(response) == (409, "insufficient-stock", sorted(shortages, key=lambda line: line["product"]))
    assert Order.objects.get().status == "rejected"
    assert inventory.counters(tea) == (10, 0)


def test_another_price_than_was_seen_is_refused(alice, tea):
    lines = [{"product": str(tea), "quantity": 1, "price": "4.00"}]

    response = alice.post("/api/orders/", {"lines": lines}, headers={"Idempotency-Key": '"k"'})

    changed = [{"product": str(tea), "seen": "4.00", "price": "4.50", "currency": "EUR"}]
    assert refusal(response) == (409, "price-changed", changed)


@pytest.mark.parametrize(
    ("code", "made"),
    [
        ("unknown-product", lambda inventory, tea: inventory.shelves.pop(tea)),
        ("retired-product", lambda inventory, tea: setattr(inventory.shelves[tea], "active", False)),
    ],
)
def test_what_cannot_be_ordered_is_refused(alice, tea, place, inventory, code, made):
    made(inventory, tea)

    response = place(alice, {tea: 1})

    assert refusal(response) == (409, code, [{"product": str(tea)}])


def test_two_currencies_are_no_order(alice, tea, place, inventory):
    scone = inventory.add("scone", currency="GBP")

    response = place(alice, {tea: 1, scone: 1})

    assert refusal(response) == (409, "mixed-currencies", [{"product": str(one)} for one in sorted([tea, scone])])


@pytest.mark.parametrize(
    ("lines", "field"),
    [
        ([], "lines"),
        ("tea", "lines"),
        ([{"product": "TEA", "quantity": 0}], "lines"),
        ([{"product": "TEA", "quantity": 10_001}], "lines"),
        ([{"product": "TEA", "quantity": 6_000}, {"product": "TEA", "quantity": 6_000}], "lines"),
        ([{"product": "TEA", "quantity": "2"}], "lines"),
        ([{"product": "TEA", "quantity": True}], "lines"),
        ([{"product": "TEA", "quantity": 1.0}], "lines"),
        ([{"product": "tea", "quantity": 1}], "lines"),
        ([{"product": 12345, "quantity": 1}], "lines"),
        ([{"product": True, "quantity": 1}], "lines"),
        ([{"product": "urn:uuid:TEA", "quantity": 1}], "lines"),
        ([{"product": "TEA", "quantity": 1, "price": 4.5}], "lines"),
        ([{"product": "TEA", "quantity": 1, "price": "4.50001"}], "lines"),
        ([{"product": "TEA", "quantity": 1, "colour": "red"}], "lines"),
        (
            [{"product": "TEA", "quantity": 1, "price": "4.50"}, {"product": "TEA", "quantity": 1, "price": "4.00"}],
            "lines",
        ),
        ([{"product": "TEA", "quantity": 1}] * 51, "lines"),
    ],
)
def test_lines_that_are_none_are_refused_and_nothing_is_stored(alice, tea, lines, field):
    named = [{**line, "product": name(line["product"], tea)} for line in lines if isinstance(line, dict)]
    body = {"lines": named if isinstance(lines, list) else lines}

    response = alice.post("/api/orders/", body, headers={"Idempotency-Key": '"k"'})

    assert (response.status_code, response.json()["code"]) == (400, "invalid")
    assert list(response.json()["errors"]) == [field]
    assert (Order.objects.count(), IdempotencyKey.objects.count()) == (0, 0)


def name(product, tea):
    return product.replace("TEA", str(tea)) if isinstance(product, str) else product


def test_unknown_fields_are_refused(alice, tea, place):
    assert place(alice, {tea: 1}, colour="red").json()["errors"] == {"colour": ["Unknown field."]}


@pytest.mark.parametrize(("person", "status"), [("anonymous", 401), ("orders_service", 401)])
def test_who_may_not_order_stores_nothing(request, person, status, tea, place):
    response = place(request.getfixturevalue(person), {tea: 1})

    assert response.status_code == status
    assert (Order.objects.count(), IdempotencyKey.objects.count()) == (0, 0)


def test_ordering_takes_the_scope(tea, place):

    response = place(Person("eve", "orders:read"), {tea: 1})

    assert (response.status_code, response.json()["code"]) == (403, "insufficient-scope")
    assert (Order.objects.count(), IdempotencyKey.objects.count()) == (0, 0)


def refusal(response):
    body = response.json()
    assert response["Content-Type"] == "application/problem+json"
    assert body["order"] == str(Order.objects.get().pk)
    return response.status_code, body["code"], body["lines"]


def stamp(time):
    return time.isoformat().replace("+00:00", "Z")
