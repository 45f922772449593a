"""A browser orders, sees what became of it, and takes it back."""

import uuid

import pytest
from django.db.models import Value
from django.db.models.functions import Concat, Substr

from orders import basket
from orders.models import Order

pytestmark = pytest.mark.django_db


@pytest.fixture
def order_form():
    """What the page of a product sends: `order_form(tea, quantity=2)`."""

    def form(product, **fields):
        filled = {"key": uuid.uuid4(), "product": product, "name": "Tea", "price": "4.50", "quantity": 1}
        return filled | fields

    return form


@pytest.fixture
def browser(alice):
    return alice.browser


def text(page):
    return page.content.decode()


def placed(page):
    """The order that a page leads to."""
    return Order.objects.get(pk=page["Location"].split("/")[2])


def notes(page):
    return [str(message) for message in page.context["messages"]]


def test_a_form_of_the_release_before_places_an_order_and_leads_to_it(browser, alice, tea, order_form):
    answer = browser.post("/orders/", order_form(tea, quantity=2, ship_to="1 Mosaic Lane"))

    order = placed(answer)
    page = browser.get(answer["Location"])
    assert (answer.status_code, order.status, order.ship_to) == (302, "placed", "1 Mosaic Lane")
    assert (order.customer_id, order.customer_name, order.customer_email) == (alice.sub, "Alice", "alice@example.com")
    assert "9.00 EUR" in text(page)
    assert [words for words, _ in page.context["events"]] == ["Ordered", "Confirmed, and held for you"]


def test_a_form_sent_twice_orders_once(browser, tea, order_form):
    form = order_form(tea)

    first, again = browser.post("/orders/", form), browser.post("/orders/", form)

    assert first["Location"] == again["Location"]
    assert Order.objects.count() == 1


def test_what_a_form_of_the_release_before_could_not_order_is_in_the_basket(browser, mug, order_form):
    page = browser.post("/orders/", order_form(mug, name="Mug", price="9.80", currency="EUR", quantity=5))

    assert page.status_code == 409
    assert page.context["notes"] == [("Mug", "Only 3 left; you wanted 5. Your basket has that now.")]
    assert [line["quantity"] for line in page.context["group"].lines] == [3]


@pytest.mark.parametrize("field", ["key", "product", "price"])
def test_a_form_tampered_with_orders_nothing(browser, tea, order_form, field):
    page = browser.post("/orders/", order_form(tea) | {field: ""})

    assert page.status_code == 400
    assert not Order.objects.exists()


def test_while_products_is_away_the_page_says_that_it_is_being_confirmed(browser, tea, inventory, order_form):
    inventory.down = True

    answer = browser.post("/orders/", order_form(tea))

    assert placed(answer).status == "pending"
    assert "The shop is confirming your order." in text(browser.get(answer["Location"]))


def test_one_sees_ones_own_orders_newest_first(browser, bob, tea, mug, order_form):
    browser.post("/orders/", order_form(tea))
    browser.post("/orders/", order_form(mug, price="9.80"))
    bob.browser.post("/orders/", order_form(tea))

    page = browser.get("/orders/")

    assert [order["lines"][0]["name"] for order in page.context["orders"]] == ["Mug", "Tea"]


def test_who_has_no_orders_is_led_to_the_products(browser):
    page = text(browser.get("/orders/"))

    assert "No orders yet" in page
    assert 'href="/products/"' in page


def test_pages_lead_on_and_back(browser, alice):
    numbers = [Order.objects.create(customer_id=alice.sub).number for _ in range(25)]

    first = browser.get("/orders/")
    second = browser.get(f"/orders/{first.context['next']}")
    back = browser.get(f"/orders/{second.context['previous']}")

    assert shown(first) + shown(second) == numbers[::-1]
    assert shown(back) == shown(first)
    assert second.context["next"] is None


def shown(page):
    return [order["number"] for order in page.context["orders"]]


def test_a_cursor_made_up_is_a_bad_request(browser):
    assert browser.get("/orders/?cursor=rubbish").status_code == 400


def test_the_number_of_queries_does_not_grow_with_the_orders(browser, tea, order_form, django_assert_num_queries):
    for _ in range(5):
        browser.post("/orders/", order_form(tea))

    with django_assert_num_queries(2):
        browser.get("/orders/")


def test_bobs_browser_finds_no_order_of_alices(browser, bob, tea, order_form):
    address = browser.post("/orders/", order_form(tea))["Location"]

    answers = [bob.browser.get(address), bob.browser.post(f"{address}cancel/")]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert Order.objects.get().status == "placed"


def test_a_button_cancels_an_order(browser, tea, order_form, inventory):
    address = browser.post("/orders/", order_form(tea))["Location"]

    shown, asked = browser.get(address), browser.get(f"{address}cancel/")
    page = browser.post(f"{address}cancel/", follow=True)

    assert f'href="{address}cancel/"' in text(shown)
    assert f'action="{address}cancel/"' not in text(shown)
    assert "This cannot be undone." in text(asked)
    assert notes(page) == ["The order is cancelled."]
    assert page.context["actions"] == []
    assert Order.objects.get().status == "cancelled"


def test_cancelling_too_late_changes_nothing_and_says_so(browser, dave, tea, order_form):
    address = browser.post("/orders/", order_form(tea))["Location"]
    dave.browser.post(f"{address}pay/", {"reference": "R1"})

    page = browser.post(f"{address}cancel/", follow=True)

    assert notes(page)[-1:] == ["The order is paid now, so nothing was changed."]
    assert Order.objects.get().status == "paid"


def test_an_order_manager_moves_an_order_on(browser, dave, tea, order_form):
    address = browser.post("/orders/", order_form(tea))["Location"]
    manager = dave.browser

    seen = [
        manager.post(f"{address}{action}/", {"reference": "R1"}, follow=True).context["order"]["status"]
        for action in ("pay", "ship", "deliver", "return")
    ]

    assert seen == ["paid", "shipped", "delivered", "returned"]
    assert "alice@example.com" in text(manager.get(address))


def test_a_payment_without_a_reference_is_none(browser, dave, tea, order_form):
    address = browser.post("/orders/", order_form(tea))["Location"]

    page = dave.browser.post(f"{address}pay/", follow=True)

    assert notes(page) == ["Enter a payment reference."]
    assert Order.objects.get().status == "placed"


def test_a_customer_may_not_pay_for_herself(browser, tea, order_form):
    address = browser.post("/orders/", order_form(tea))["Location"]

    answer = browser.post(f"{address}pay/", {"reference": "R1"})

    assert answer.status_code == 403
    assert Order.objects.get().status == "placed"


def test_an_action_that_does_not_exist_is_not_found(browser, tea, order_form):
    address = browser.post("/orders/", order_form(tea))["Location"]

    assert browser.post(f"{address}explode/").status_code == 404


def test_the_address_of_an_action_does_nothing_when_it_is_read(browser, dave, tea, order_form):
    address = browser.post("/orders/", order_form(tea))["Location"]

    asked, shown = browser.get(f"{address}cancel/"), dave.browser.get(f"{address}pay/")
    unpaid = Order.objects.get().status
    dave.browser.post(f"{address}pay/", {"reference": "R1"})
    too_late = browser.get(f"{address}cancel/")

    assert (asked.status_code, unpaid) == (200, "placed")
    assert [(answer.status_code, answer["Location"]) for answer in (shown, too_late)] == [(302, address)] * 2
    assert Order.objects.get().status == "paid"


def test_who_is_asked_whether_to_cancel_a_paid_order_reads_what_becomes_of_the_money(browser, dave, tea, order_form):
    address = browser.post("/orders/", order_form(tea))["Location"]

    unpaid = [text(person.get(f"{address}cancel/")) for person in (browser, dave.browser)]
    dave.browser.post(f"{address}pay/", {"reference": "R1"})

    assert ["You owe nothing for it" in page for page in unpaid] == [True, False]
    assert "What was paid is not paid back by itself." in text(dave.browser.get(f"{address}cancel/"))


def test_an_order_needs_the_csrf_token(alice, tea, order_form):
    browser = alice.browser
    browser.handler.enforce_csrf_checks = True

    assert browser.post("/orders/", order_form(tea)).status_code == 403
    assert not Order.objects.exists()


def test_nobody_orders_without_a_token(client, tea, order_form):
    answer = client.post("/orders/", order_form(tea))

    assert (answer.status_code, answer["Location"]) == (302, "/login/?next=/orders/#lost")
    assert not Order.objects.exists()


def test_a_thousand_letters_on_many_lines_are_counted_as_the_api_does(alice, order_form, tea):
    """A browser sends each line break as two characters."""
    lines = "\n".join(["x" * 90] * 11)

    answer = alice.browser.post("/orders/", order_form(tea, ship_to=lines.replace("\n", "\r\n")))

    order = Order.objects.get()
    assert (answer.status_code, len(lines), order.ship_to) == (302, 1000, lines)


def test_what_an_order_of_the_api_was_refused_for_is_named(browser, place, alice, mug):
    order = place(alice, {mug: 9}).json()["order"]

    assert "Mug" in text(browser.get(f"/orders/{order}/"))


# Looking for an order ---------------------------------------------------------------------------


@pytest.fixture
def ordered(place, alice, bob, tea, mug):
    """Alice's order of tea and her order of mugs; Bob has one of tea, too."""
    place(bob, {tea: 1})
    return [Order.objects.get(pk=place(alice, {product: 1}).json()["id"]) for product in (tea, mug)]


@pytest.mark.parametrize("words", ["TE", "tea", "{0.number}", " {0.number} "])
def test_an_order_is_found_by_its_number_and_by_what_is_in_it(browser, ordered, words):
    page = browser.get("/orders/", {"q": words.format(*ordered)})

    assert shown(page) == [ordered[0].number]


def test_orders_are_narrowed_by_status(browser, dave, act, ordered):
    act(dave, {"id": ordered[0].pk}, "pay", reference="R1")

    assert shown(browser.get("/orders/?status=paid")) == [ordered[0].number]
    assert "No such order" in text(browser.get("/orders/?status=paid&q=mug"))


def test_a_search_leads_on_page_by_page(browser, place, alice, tea, settings):
    settings.UNPAID_ORDERS = 30
    for _ in range(21):
        place(alice, {tea: 1}) if Order.objects.count() < 10 else Order.objects.create(customer_id=alice.sub)
    Order.objects.update(number=Concat(Value("AB"), Substr("number", 3)))

    first = browser.get("/orders/?q=ab")
    second = browser.get(f"/orders/{first.context['next']}")

    assert len(set(shown(first) + shown(second))) == 21


def test_times_are_those_of_the_shop_and_say_so(browser, settings, ordered):
    settings.TIME_ZONE = "Asia/Tokyo"
    Order.objects.update(created_at="2026-01-01T20:00:00Z")

    page = text(browser.get("/orders/"))

    assert "2 Jan 2026, 05:00" in page
    assert "Times are those of Asia/Tokyo." in page


def test_how_to_pay_is_said_until_it_is_paid(browser, dave, act, ordered, settings):
    settings.PAYMENT_WORDS = "By bank transfer\nto XX00 1234"
    address = f"/orders/{ordered[0].pk}/"

    before = text(browser.get(address))
    act(dave, {"id": ordered[0].pk}, "pay", reference="R1")

    assert "to XX00 1234" in before
    assert "Please pay until" in before
    assert "to XX00 1234" not in text(browser.get(address))


def test_an_order_is_printed_with_seller_and_customer_and_without_the_menu(browser, bob, settings, ordered):
    settings.SELLER = "Tessera Ltd\n2 Tile Street"
    address = f"/orders/{ordered[0].pk}/print/"

    page = text(browser.get(address))

    assert [words in page for words in ("2 Tile Street", "alice@example.com", "4.50 EUR")] == [True] * 3
    assert "Log out" not in page
    assert bob.browser.get(address).status_code == 404


def test_an_order_is_ordered_again_as_far_as_it_is_still_sold(browser, alice, place, inventory, tea, mug):
    order = place(alice, {tea: 2, mug: 1}).json()
    inventory.shelves[mug].active = False
    inventory.reprice(tea, "5.00")

    page = browser.post(f"/orders/{order['id']}/order-again/", follow=True)

    assert notes(page) == [
        "Mug: It is no longer sold.",
        "Tea: The price is 5.00 EUR now; you saw 4.50.",
        f"1 of 2 products of order {order['number']} went into your basket.",
    ]
    assert [(line.name, line.quantity, line.price) for line in basket.list_basket(alice.sub)] == [("Tea", 2, 5)]


def test_what_was_refused_is_ordered_again_and_a_price_that_is_the_same_is_not_called_another(
    alice, browser, inventory, tea, mug
):
    cup = inventory.add("cup", price="7.00")
    seen = [(tea, 2, {"price": "4.50"}), (cup, 1, {"price": "7.00"}), (mug, 5, {})]
    lines = [{"product": str(product), "quantity": quantity, **price} for product, quantity, price in seen]
    refused = alice.post("/api/orders/", {"lines": lines}, headers={"Idempotency-Key": '"a"'}).json()["order"]
    inventory.reprice(cup, "8.00")

    page = browser.post(f"/orders/{refused}/order-again/", follow=True)

    told = ["Cup: The price is 8.00 EUR now; you saw 7.00.", "Mug: Only 3 left; you wanted 5."]
    assert sorted(notes(page)[:-1]) == told


def test_what_products_cannot_be_asked_about_is_ordered_again_as_it_was(browser, alice, place, inventory, tea):
    order = place(alice, {tea: 2}).json()
    inventory.down = True

    browser.post(f"/orders/{order['id']}/order-again/")

    assert [(line.name, line.quantity) for line in basket.list_basket(alice.sub)] == [("Tea", 2)]


def test_nobody_orders_the_order_of_another_again(bob, ordered):
    assert bob.browser.post(f"/orders/{ordered[0].pk}/order-again/").status_code == 404
