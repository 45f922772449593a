"""A browser orders, sees what became of it, and takes it back."""

import uuid

import pytest

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


def test_a_form_places_an_order_and_leads_to_it(browser, alice, tea, order_form):
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


def test_a_key_used_for_something_else_shows_the_form_again_and_the_earlier_order(browser, tea, order_form):
    form = order_form(tea)
    earlier = browser.post("/orders/", form)["Location"]

    page = browser.post("/orders/", form | {"quantity": 3})

    assert page.status_code == 422
    assert f'href="{earlier}"' in text(page)
    assert page.context["form"]["quantity"].value() == 3
    assert page.context["form"]["key"].value() != form["key"]
    assert Order.objects.count() == 1


def test_too_little_stock_is_told_and_what_there_is_offered(browser, mug, order_form):
    page = browser.post("/orders/", order_form(mug, price="9.80", quantity=5))

    assert page.status_code == 409
    assert "Only 3 left; you wanted 5." in text(page)
    assert page.context["form"]["quantity"].value() == 3
    assert browser.post("/orders/", hidden(page)).status_code == 302


def test_a_changed_price_is_told_and_the_new_one_offered(browser, tea, order_form):
    page = browser.post("/orders/", order_form(tea, price="4.00"))

    assert page.status_code == 409
    assert "The price is 4.50 EUR now; you saw 4.00." in text(page)
    assert placed(browser.post("/orders/", hidden(page))).status == "placed"


def hidden(page):
    """What a shown form would send."""
    return {field.name: field.value() or "" for field in page.context["form"]}


def test_a_product_nobody_knows_is_told_without_a_form(browser, order_form):
    page = browser.post("/orders/", order_form(uuid.uuid4()))

    assert page.status_code == 409
    assert "There is no such product." in text(page)
    assert page.context["form"] is None


@pytest.mark.parametrize(
    ("field", "value"),
    [("quantity", "0"), ("quantity", "-1"), ("quantity", "99999"), ("quantity", "two"), ("ship_to", "x" * 1001)],
)
def test_a_field_filled_in_wrongly_is_told_beside_it(browser, tea, order_form, field, value):
    page = browser.post("/orders/", order_form(tea) | {field: value})

    assert page.status_code == 400
    assert f'id="id_{field}_error"' in text(page)
    assert not Order.objects.exists()


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

    page = browser.post(f"{address}cancel/", follow=True)

    assert notes(page) == ["The order is cancelled."]
    assert page.context["actions"] == []
    assert Order.objects.get().status == "cancelled"


def test_cancelling_too_late_changes_nothing_and_says_so(browser, dave, tea, order_form):
    address = browser.post("/orders/", order_form(tea))["Location"]
    dave.browser.post(f"{address}pay/", {"reference": "R1"})

    page = browser.post(f"{address}cancel/", follow=True)

    assert notes(page) == ["The order is paid now, so nothing was changed."]
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


def test_the_address_of_an_action_only_shows_the_order_when_it_is_read(browser, tea, order_form):
    address = browser.post("/orders/", order_form(tea))["Location"]

    answer = browser.get(f"{address}cancel/")

    assert (answer.status_code, answer["Location"]) == (302, address)
    assert Order.objects.get().status == "placed"


def test_an_order_needs_the_csrf_token(alice, tea, order_form):
    browser = alice.browser
    browser.handler.enforce_csrf_checks = True

    assert browser.post("/orders/", order_form(tea)).status_code == 403
    assert not Order.objects.exists()


def test_nobody_orders_without_a_token(client, tea, order_form):
    answer = client.post("/orders/", order_form(tea))

    assert (answer.status_code, answer["Location"]) == (302, "/login/?next=/orders/")
    assert not Order.objects.exists()
