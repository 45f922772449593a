"""Orders in the admin."""

import pytest

from orders.models import Event, Order

pytestmark = pytest.mark.django_db

LIST = "/admin/orders/order/"


@pytest.fixture
def run():
    """Have staff pick every order and run an action on them; the page that follows."""

    def post(browser, action, **fields):
        picked = [str(pk) for pk in Order.objects.values_list("pk", flat=True)]
        response = browser.post(LIST, {"action": action, "_selected_action": picked, "index": 0, **fields}, follow=True)
        return response.content.decode()

    return post


def test_dave_pays_and_ships(alice, dave, tea, place, run, inventory):
    place(alice, {tea: 2})

    paid, shipped = run(dave.browser, "pay", reference="P-1"), run(dave.browser, "ship")

    order = Order.objects.get()
    assert f"Paid: {order.number}." in paid
    assert f"Shipped: {order.number}." in shipped
    assert (order.status, order.payment_reference, inventory.counters(tea)) == ("shipped", "P-1", (8, 0))
    assert list(Event.objects.filter(what="shipped").values_list("sub", "client_id")) == [(dave.sub, "api")]


def test_what_is_not_possible_is_said(alice, dave, tea, place, run):
    place(alice, {tea: 2})

    page = run(dave.browser, "ship")

    assert f"Not possible while placed: {Order.objects.get().number}." in page
    assert Order.objects.get().status == "placed"


def test_to_pay_takes_a_reference(alice, dave, tea, place, run):
    place(alice, {tea: 2})

    assert "Enter a reference to mark orders as paid." in run(dave.browser, "pay")
    assert Order.objects.get().status == "placed"


def test_an_order_that_waits_is_found_and_settled(alice, dave, tea, place, run, inventory):
    place(alice, {tea: 1})
    inventory.down = True
    waiting = place(alice, {tea: 2}).json()["number"]
    inventory.down = False

    found = dave.browser.get(f"{LIST}?waiting=unsettled").content.decode()
    page = run(dave.browser, "settle")

    assert [number in found for number in numbers()] == [number == waiting for number in numbers()]
    assert f"Settled: {waiting}." in page
    assert set(Order.objects.values_list("status", flat=True)) == {"placed"}


@pytest.mark.parametrize("query", ["waiting=owes", "waiting=pending", "status=placed", "q=alice%40example.com"])
def test_the_list_is_filtered_and_searched(alice, dave, tea, place, query):
    place(alice, {tea: 1})

    assert dave.browser.get(f"{LIST}?{query}").status_code == 200


def test_an_order_shows_its_lines_and_events_and_no_button_to_save(alice, dave, tea, place):
    order = place(alice, {tea: 2}).json()

    page = dave.browser.get(f"{LIST}{order['id']}/change/").content.decode()

    assert all(text in page for text in (order["number"], "alice@example.com", "9.00 EUR", ": placed by system"))
    assert 'name="_save"' not in page
    assert dave.browser.post(f"{LIST}{order['id']}/change/", {"status": "paid"}).status_code == 403


@pytest.mark.parametrize("person", ["alice", "carol"])
def test_only_order_managers_come_in(request, tea, place, alice, person):
    order = place(alice, {tea: 2}).json()
    browser = request.getfixturevalue(person).browser

    paths = (LIST, f"{LIST}{order['id']}/change/", "/admin/orders/event/")
    assert [browser.get(path).status_code for path in paths] == [403, 403, 403]


def test_the_trail_and_the_history_are_shown(alice, dave, tea, place):
    order = place(alice, {tea: 2}).json()

    assert order["id"] in dave.browser.get("/admin/orders/event/").content.decode()
    assert "placed" in dave.browser.get(f"{LIST}{order['id']}/history/").content.decode()


@pytest.mark.parametrize("count", [1, 6])
def test_the_list_takes_as_many_queries_however_long(alice, dave, tea, place, count, django_assert_num_queries):
    for _ in range(count):
        place(alice, {tea: 1})

    with django_assert_num_queries(2):
        dave.browser.get(LIST)


def numbers():
    return list(Order.objects.values_list("number", flat=True))
