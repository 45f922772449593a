"""Orders in the admin."""

import pytest
from django.utils import timezone

from orders.models import Event, Order
from wire.admin.start_page import begin, begin_weeks

pytestmark = pytest.mark.django_db

LIST = "/admin/orders/order/"


@pytest.fixture
def run():
    """Have staff pick every order, choose an action, say `facts` of it and confirm it; the page that follows."""

    def post(browser, action, **facts):
        picked = [str(pk) for pk in Order.objects.values_list("pk", flat=True)]
        chosen = browser.post(LIST, {"action": action, "_selected_action": picked, "index": 0}, follow=True)
        if not chosen.redirect_chain or "/act/" not in chosen.redirect_chain[-1][0]:
            return chosen.content.decode()

        fields = {f"{prefix}-{name}": value for name, value in facts.items() for prefix in ("all", *picked)}
        return browser.post(chosen.redirect_chain[-1][0], fields, follow=True).content.decode()

    return post


def test_dave_pays_and_ships(alice, dave, tea, place, run, inventory):
    place(alice, {tea: 2})

    paid, shipped = run(dave.browser, "pay", reference="P-1"), run(dave.browser, "ship", tracking="T-1", note="Hello")

    order = Order.objects.get()
    assert f"Paid: {order.number}." in paid
    assert f"Shipped: {order.number}." in shipped
    assert (order.status, order.payment_reference, inventory.counters(tea)) == ("shipped", "P-1", (8, 0))
    assert (order.tracking, order.note) == ("T-1", "Hello")
    shipped = Event.objects.filter(what="shipped").values_list("sub", "actor", "client_id")
    assert list(shipped) == [(dave.sub, "Dave (dave@example.com)", "api")]


def test_each_of_several_is_shipped_with_its_own_tracking_and_what_is_not_possible_is_said(
    alice, dave, tea, place, act
):
    orders = [place(alice, {tea: 1}).json() for _ in range(3)]
    for order in orders[:2]:
        act(dave, order, "pay", reference="P")
    page = f"{LIST}act/ship/?" + "&".join(f"id={order['id']}" for order in orders)

    asked = dave.browser.get(page).content.decode()
    act(dave, orders[1], "cancel")
    fields = {f"{order['id']}-tracking": f"T-{number}" for number, order in enumerate(orders)}
    done = dave.browser.post(page, {**fields, "all-note": "Hello"}, follow=True).content.decode()

    first, second, third = (order["number"] for order in orders)
    assert f"{third}</a> (placed)" in asked
    assert f"Shipped: {first}." in done
    assert f"since it is cancelled now, with: {second}." in done
    assert f"since it is placed now, with: {third}." in done
    told = dict(Order.objects.values_list("number", "tracking"))
    assert told == {first: "T-0", second: "", third: ""}


def test_what_is_not_possible_is_said_and_nothing_is_offered(alice, dave, tea, place, run):
    order = place(alice, {tea: 2}).json()

    page = dave.browser.get(f"{LIST}act/ship/?id={order['id']}").content.decode()

    assert "Nothing can be done" in page
    assert 'type="submit" value' not in page.partition("content-main")[2]


def test_to_pay_takes_a_reference(alice, dave, tea, place, run):
    place(alice, {tea: 2})

    assert "This field is required." in run(dave.browser, "pay")
    assert Order.objects.get().status == "placed"


def test_nothing_happens_before_it_is_confirmed(alice, dave, tea, place):
    order = place(alice, {tea: 2}).json()

    for action in ("pay", "cancel"):
        assert dave.browser.get(f"{LIST}act/{action}/?id={order['id']}").status_code == 200

    assert Order.objects.get().status == "placed"


def test_cancelling_is_the_last_of_the_actions_in_the_list(alice, dave, tea, place):
    place(alice, {tea: 2})

    choices = dave.browser.get(LIST).context["action_form"].fields["action"].choices

    assert [name for name, _ in choices] == ["", "pay", "ship", "deliver", "return", "settle", "write_off", "cancel"]


def test_the_page_of_an_order_offers_what_the_table_allows(alice, dave, tea, place, act):
    order = place(alice, {tea: 2}).json()
    placed = buttons(dave, order)
    act(dave, order, "pay", reference="P-1")
    paid = buttons(dave, order)
    act(dave, order, "ship")

    assert (placed, paid, buttons(dave, order)) == (["pay", "cancel"], ["ship", "cancel"], ["deliver"])


def buttons(person, order):
    page = person.browser.get(f"{LIST}{order['id']}/change/")
    return [address.split("/")[-2] for address, _ in page.context["buttons"]]


def test_a_refund_is_noted_when_goods_come_back(alice, dave, tea, place, act, run):
    order = place(alice, {tea: 2}).json()
    for action, facts in (("pay", {"reference": "P-1"}), ("ship", {}), ("deliver", {})):
        act(dave, order, action, **facts)

    run(dave.browser, "return", refund="9.00 EUR, R-1")

    assert "9.00 EUR, R-1" in dave.browser.get(f"{LIST}{order['id']}/change/").content.decode()


@pytest.mark.parametrize(("query", "status"), [("", 200), ("?id=x", 200), ("?id=1&ids=2", 400)])
def test_a_page_without_an_order_does_nothing(dave, query, status):
    assert dave.browser.get(f"{LIST}act/ship/{query}").status_code == status
    assert dave.browser.get(f"{LIST}act/explode/").status_code == 404


def test_customer_and_products_are_links_for_whom_they_are_open_to(alice, dave, admin, tea, place):
    order = place(alice, {tea: 2}).json()
    links = [f"/admin/accounts/user/{alice.sub}/change/", f"/admin/products/product/{tea}/change/"]

    pages = [person.browser.get(f"{LIST}{order['id']}/change/").content.decode() for person in (admin, dave)]

    assert [[link in page for link in links] for page in pages] == [[True, True], [False, False]]
    assert all("Alice (alice@example.com)" in page for page in pages)


def test_why_an_order_waits_is_said_in_one_page(alice, dave, tea, place, act, inventory):
    order = place(alice, {tea: 2}).json()
    inventory.down = True
    act(alice, order, "cancel")

    page = dave.browser.get(f"{LIST}{order['id']}/change/").content.decode()
    again = dave.browser.post(f"{LIST}act/settle/?id={order['id']}", follow=True).content.decode()
    inventory.down = False
    settled = dave.browser.post(f"{LIST}act/settle/?id={order['id']}", follow=True).content.decode()
    twice = dave.browser.post(f"{LIST}act/settle/?id={order['id']}", follow=True).content.decode()

    for words in ("Why this order waits", "let go of the goods that are held for it", "in vain 1 time,", "Settle now"):
        assert words in page
    assert "No worker tries it" in page
    assert f"Products still does not answer, so nothing changed for: {order['number']}." in again
    assert "in vain 2 times," in again
    assert f"Settled: {order['number']}." in settled
    assert "Why this order waits" not in settled
    assert f"since products has heard all of it, with: {order['number']}." in twice


def test_an_order_of_one_customer_is_listed_with_their_others(alice, bob, dave, tea, place):
    place(alice, {tea: 1})
    place(bob, {tea: 1})

    listed = dave.browser.get(LIST, {"customer": bob.sub}).context["cl"].result_list

    assert [order.customer_id for order in listed] == [bob.sub]


def test_orders_of_one_product_are_listed(alice, dave, tea, mug, place):
    place(alice, {tea: 1, mug: 1})
    both = place(alice, {mug: 1}).json()

    listed = [dave.browser.get(LIST, {"product": str(product)}).context["cl"].result_list for product in (tea, mug)]

    assert [len(found) for found in listed] == [1, 2]
    assert str(listed[1][0].pk) == both["id"]
    assert dave.browser.get(LIST, {"product": "tea"}).status_code == 400


def test_an_order_that_waits_is_found_and_settled(alice, dave, tea, place, run, inventory):
    place(alice, {tea: 1})
    inventory.down = True
    waiting = place(alice, {tea: 2}).json()["number"]
    inventory.down = False

    found = dave.browser.get(f"{LIST}?waiting=unsettled").content.decode()
    page = run(dave.browser, "settle")
    again = run(dave.browser, "settle")

    assert "Nothing was done, since products has heard all of it, with: " in again
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

    assert all(text in page for text in (order["number"], "alice@example.com", "9.00 EUR", "<td>placed</td>", "4.50"))
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

    with django_assert_num_queries(3):
        dave.browser.get(LIST)


def numbers():
    return list(Order.objects.values_list("number", flat=True))


@pytest.fixture
def known(alice, tea, place):
    """An order whose number has what people mistake for letters, and another one."""
    place(alice, {tea: 1})
    order = place(alice, {tea: 1}).json()
    Order.objects.filter(pk=order["id"]).update(number="7K01Z9A0")
    return order


@pytest.mark.parametrize(
    "typed",
    [
        "7K01Z9A0",
        "7k01z9a0",
        "7KO1Z9AO",
        "7koiz9ao",
        "7K0LZ9A0",
        " 7K01-Z9A0 ",
        "7K01 Z9A0",
        "７Ｋ０１Ｚ９Ａ０",
        "7K01‑Z9A0",
    ],
)
def test_a_number_is_found_however_it_is_typed(dave, known, typed):
    assert found(dave, typed) == [known["id"]]


@pytest.mark.parametrize("write", [str, str.upper, lambda text: text.replace("-", ""), lambda text: f" {text}\t"])
def test_an_order_is_found_by_its_id(dave, known, write):
    assert found(dave, write(known["id"])) == [known["id"]]


@pytest.mark.parametrize(("typed", "count"), [("7K0", 1), ("alice@", 2), ("nobody@", 0), ("UUUUUUUU", 0)])
def test_a_part_of_a_number_or_an_address_is_found_as_before(dave, known, typed, count):
    assert len(found(dave, typed)) == count


def found(person, typed):
    listed = person.browser.get(LIST, {"q": typed}).context["cl"].result_list
    return [str(order.pk) for order in listed]


def test_the_start_page_counts_what_waits_and_leads_to_it(alice, dave, tea, place, act, inventory):
    orders = [place(alice, {tea: 1}).json() for _ in range(3)]
    act(dave, orders[0], "pay", reference="P")
    inventory.down = True
    act(alice, orders[1], "cancel")

    page = dave.browser.get("/admin/orders/")
    [part] = page.context["parts"]

    numbers = {number.label: number.shown for number in part["summary"].numbers}
    assert numbers == {
        "To be shipped": "1",
        "To be paid": "1",
        "Wait for products": "1",
        "Stuck": "0",
        "Mails that failed": "0",
    }
    for number in part["summary"].numbers:
        assert len(dave.browser.get(number.address).context["cl"].result_list) == number.amount


def test_this_week_stands_beside_the_last_one(alice, dave, tea, place, act):
    orders = [place(alice, {tea: units}).json() for units in (1, 2, 4)]
    for order in (orders[1], orders[2]):
        act(dave, order, "pay", reference="P")
    today = timezone.localdate().weekday()
    Order.objects.filter(pk=orders[2]["id"]).update(placed_at=begin(begin_weeks()[today]))

    [part] = dave.browser.get("/admin/orders/").context["parts"]
    charts = part["summary"].charts
    addresses = charts[0].this_week[today].address, charts[0].totals[1].address
    listed = [dave.browser.get(address).context["cl"].result_list for address in addresses]

    assert [(chart.title, *(total.text for total in chart.totals)) for chart in charts] == [
        ("Orders", "2", "1"),
        ("Sales in EUR", "9.00", "18.00"),
    ]
    assert [cell.text for cell in charts[1].this_week] == [*["0.00"] * today, "9.00", *[""] * (6 - today)]
    assert [bar.height for bar in charts[0].bars] == [48.0, 96.0]
    assert [len(found) for found in listed] == [2, 1]


@pytest.mark.parametrize("count", [1, 5])
def test_the_start_page_takes_as_many_queries_however_many_orders(
    alice, dave, tea, place, count, django_assert_num_queries
):
    for _ in range(count):
        place(alice, {tea: 1})

    with django_assert_num_queries(7):
        dave.browser.get("/admin/orders/")


@pytest.mark.parametrize("count", [1, 6])
def test_the_page_of_an_order_takes_as_many_queries_however_many_lines(
    alice, dave, inventory, place, count, django_assert_num_queries
):
    order = place(alice, {inventory.add(f"tea {number}", on_hand=1): 1 for number in range(count)}).json()

    dave.browser.get(f"{LIST}{order['id']}/change/")
    with django_assert_num_queries(6):
        dave.browser.get(f"{LIST}{order['id']}/change/")


def test_an_order_that_was_refused_has_prices_as_they_were_seen_and_no_total(alice, dave, tea, place):
    place(alice, {tea: 1000})
    order = Order.objects.get()
    order.lines.update(seen_price="8.400")

    page = dave.browser.get(f"{LIST}{order.pk}/change/").content.decode()

    assert order.status == "rejected"
    assert "8.40<" in page
    assert "None" not in page
