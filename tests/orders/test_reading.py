"""Reading orders: one's own, and everyone's for order managers."""

import uuid

import pytest
from django.db import connection

from orders.models import Order
from tests.conftest import Person

pytestmark = pytest.mark.django_db


def test_an_order_is_read_as_it_was_answered(alice, tea, place):
    placed = place(alice, {tea: 2})

    response = alice.get(placed["Location"])

    assert (response.status_code, response.json()) == (200, placed.json())
    assert (response["ETag"], response["Cache-Control"]) == ('"2"', "private, no-store")


@pytest.mark.parametrize("known", ['"2"', 'W/"2"', '"1", "2"', "*"])
def test_who_knows_an_order_is_not_sent_it_again(alice, tea, place, known):
    address = place(alice, {tea: 2})["Location"]

    unchanged = alice.get(address, headers={"If-None-Match": known})

    assert (unchanged.status_code, unchanged.content, unchanged["ETag"]) == (304, b"", '"2"')


def test_an_order_that_moved_on_is_sent_again(alice, tea, place):
    address = place(alice, {tea: 2})["Location"]
    cancelled = alice.post(f"{address}cancel/", headers={"If-None-Match": '"3"'})

    changed = alice.get(address, headers={"If-None-Match": '"2"'})

    assert cancelled.status_code == 200
    assert (changed.status_code, changed.json()["status"]) == (200, "cancelled")


def test_whose_order_it_is_not_learns_nothing_from_a_tag(alice, bob, tea, place):
    address = place(alice, {tea: 2})["Location"]

    assert bob.get(address, headers={"If-None-Match": '"2"'}).status_code == 404


def test_a_pending_order_has_no_prices_yet(alice, tea, place, inventory):
    inventory.down = True
    placed = place(alice, {tea: 2})

    order = alice.get(placed["Location"]).json()

    assert placed.status_code == 202
    assert (order["status"], order["total"], order["currency"], order["placed_at"]) == ("pending", None, None, None)
    assert order["lines"] == [
        {"product": str(tea), "sku": None, "name": None, "quantity": 2, "unit_price": None, "total": None}
    ]


def test_bob_does_not_find_the_order_of_alice(alice, bob, tea, place):
    order = place(alice, {tea: 2})

    response = bob.get(order["Location"])

    assert alice.get(order["Location"]).status_code == 200
    assert (response.status_code, response.json()["code"]) == (404, "not-found")
    assert bob.get("/api/orders/").json()["results"] == []


def test_an_order_manager_finds_every_order(alice, bob, dave, tea, place):
    orders = [place(alice, {tea: 1}).json(), place(bob, {tea: 1}).json()]

    listed = dave.get("/api/orders/").json()["results"]

    assert [order["id"] for order in listed] == [order["id"] for order in reversed(orders)]
    assert dave.get(f"/api/orders/{orders[0]['id']}/").json()["allowed_actions"] == ["cancel", "pay"]


def test_an_order_that_never_was_is_404(alice):
    assert alice.get(f"/api/orders/{uuid.uuid4()}/").status_code == 404


def test_a_list_shows_all_but_the_events(alice, tea, place):
    order = place(alice, {tea: 2}).json()

    page = alice.get("/api/orders/").json()

    del order["events"]
    assert page == {"results": [order], "next": None, "previous": None}


def test_a_list_is_read_page_by_page(alice, tea, place):
    numbers = [place(alice, {tea: 1}).json()["number"] for _ in range(5)]

    first = alice.get("/api/orders/?limit=2").json()
    second = alice.get(first["next"]).json()
    third = alice.get(second["next"]).json()

    pages = [[order["number"] for order in page["results"]] for page in (first, second, third)]
    assert pages == [numbers[:2:-1], numbers[2:0:-1], numbers[:1]]
    assert third["next"] is None
    assert alice.get(second["previous"]).json()["results"] == first["results"]


def test_a_list_is_filtered_by_status(alice, tea, place, act):
    kept, cancelled = place(alice, {tea: 1}).json(), place(alice, {tea: 1}).json()
    act(alice, cancelled, "cancel")

    listed = alice.get("/api/orders/?status=placed").json()["results"]

    assert [order["id"] for order in listed] == [kept["id"]]


@pytest.mark.parametrize(
    ("query", "code"),
    [("status=lost", "invalid"), ("limit=0", "invalid"), ("limit=x", "invalid"), ("cursor=made-up", "invalid-cursor")],
)
def test_a_query_that_means_nothing_is_400(alice, query, code):
    response = alice.get(f"/api/orders/?{query}")

    assert (response.status_code, response.json()["code"]) == (400, code)


def test_a_cursor_of_another_list_is_refused(alice, bob, tea, place):
    for _ in range(2):
        place(alice, {tea: 1})
        place(bob, {tea: 1})
    address = alice.get("/api/orders/?limit=1").json()["next"]

    assert alice.get(address).status_code == 200
    assert bob.get(address).json()["code"] == "invalid-cursor"


@pytest.mark.parametrize("scope", ["orders:write", "orders:pay", "products:read"])
def test_reading_takes_the_scope(tea, place, alice, scope):
    order = place(alice, {tea: 1})
    eve = Person("alice", scope)

    assert [eve.get(path).status_code for path in ("/api/orders/", order["Location"])] == [403, 403]


@pytest.mark.parametrize("count", [1, 7])
def test_a_list_takes_two_queries_however_long(alice, tea, place, count, django_assert_num_queries):
    for _ in range(count):
        place(alice, {tea: 1})

    with django_assert_num_queries(2):
        listed = alice.get("/api/orders/").json()["results"]

    assert len(listed) == count


@pytest.mark.parametrize("count", [1, 7])
def test_an_order_takes_three_queries_however_long(alice, place, inventory, count, django_assert_num_queries):
    products = {inventory.add(f"item-{number}"): 1 for number in range(count)}
    order = place(alice, products)

    with django_assert_num_queries(3):
        lines = alice.get(order["Location"]).json()["lines"]

    assert len(lines) == count


@pytest.mark.parametrize("count", [1, 7])
def test_placing_takes_as_many_queries_however_long(alice, place, inventory, count, django_assert_num_queries):
    products = {inventory.add(f"item-{number}"): 1 for number in range(count)}
    alice.get("/api/orders/")

    with django_assert_num_queries(13 + (connection.vendor == "postgresql")):
        place(alice, products)

    assert Order.objects.get().lines.count() == count


def test_a_placed_order_never_lacks_its_prices(alice, tea, place):
    from django.db import IntegrityError, transaction

    place(alice, {tea: 1})

    with pytest.raises(IntegrityError), transaction.atomic():
        Order.objects.update(total=None)


def test_a_status_that_is_none_is_told_the_right_ones(alice):
    refused = alice.get("/api/orders/", {"status": "place"})

    assert (refused.status_code, refused.json()["code"]) == (400, "invalid")
    assert refused.json()["errors"]["status"][0].startswith("It is one of: pending, placed, ")
    assert alice.get("/api/orders/", {"status": ""}).status_code == 200
