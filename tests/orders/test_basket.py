"""A browser fills a basket, looks it over, and orders all of it at once."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from orders import basket
from orders.models import BasketLine, Order
from wire.menu_counts import cookie_name

pytestmark = [pytest.mark.django_db, pytest.mark.database]

NOTHING = uuid.UUID(int=4)
PRICES = {"Tea": "4.50", "Mug": "9.80"}


@pytest.fixture
def browser(alice):
    return alice.browser


@pytest.fixture
def add(browser):
    """Put a product into alice's basket as its page does: `add(tea, 2)`."""

    def post(product, quantity=1, name="Tea", **fields):
        form = {"product": product, "name": name, "price": PRICES[name], "currency": "EUR", "quantity": quantity}
        return browser.post("/basket/", form | fields)

    return post


@pytest.fixture
def filled(add, tea, mug):
    add(tea, 2)
    add(mug, 1, "Mug")


def contents(person):
    return [(line.name, line.quantity) for line in basket.list_basket(person.sub)]


def reviewed(page, **fields):
    """What a review would send."""
    form = {field.name: field.value() or "" for field in page.context["form"]}
    return form | {"ship_to": "1 Mosaic Lane"} | fields


def notes(page):
    return [str(message) for message in page.context["messages"]]


def placed(answer):
    return Order.objects.get(pk=answer["Location"].split("/")[2])


# The basket -------------------------------------------------------------------------------------


def test_several_products_are_one_order(browser, alice, filled):
    review = browser.get("/basket/review/")

    answer = browser.post("/orders/", reviewed(review))

    order = placed(answer)
    assert (order.status, order.ship_to, Order.objects.count()) == ("placed", "1 Mosaic Lane", 1)
    assert sorted(order.lines.values_list("name", "quantity")) == [("Mug", 1), ("Tea", 2)]
    assert contents(alice) == []


def test_a_product_added_again_is_more_of_it_at_the_price_of_now(add, alice, tea):
    add(tea, 2)
    add(tea, 3, price="5.00")

    line = BasketLine.objects.get()
    assert (line.quantity, f"{line.price:.2f}") == (5, "5.00")


def test_what_is_said_to_be_in_the_basket_is_all_that_is_in_there_of_it(add, browser, tea):
    add(tea, 2)
    add(tea, 3)

    assert notes(browser.get("/basket/")) == ["In your basket: Tea (2).", "In your basket: Tea (5)."]


def test_quantities_change_and_none_is_out(browser, alice, filled, tea, mug):
    browser.post("/basket/", {str(tea): "4", str(mug): "0"})

    assert contents(alice) == [("Tea", 4)]


def test_a_quantity_that_is_none_changes_nothing_and_is_said(browser, alice, filled, tea):
    page = browser.post("/basket/", {str(tea): "many", "review": "EUR"}, follow=True)

    assert page.request["PATH_INFO"] == "/basket/"
    assert notes(page)[-1:] == ["A quantity is a whole number up to 10,000. What was none was not changed."]
    assert contents(alice) == [("Tea", 2), ("Mug", 1)]


def test_the_button_of_the_review_takes_the_quantities_along(browser, alice, filled, tea):
    answer = browser.post("/basket/", {str(tea): "4", "review": "EUR"})

    assert answer["Location"] == "/basket/review/?currency=EUR"
    assert contents(alice) == [("Tea", 4), ("Mug", 1)]


def test_a_button_takes_a_product_out(browser, alice, filled, tea, mug):
    browser.post("/basket/", {str(tea): "2", "remove": str(mug)})

    assert contents(alice) == [("Tea", 2)]


def test_the_button_that_takes_a_product_out_takes_the_quantities_of_the_others_along(browser, alice, filled, tea, mug):
    browser.post("/basket/", {str(tea): "7", str(mug): "", "remove": str(mug)})

    assert contents(alice) == [("Tea", 7)]


def test_a_basket_is_as_large_as_an_order_and_no_larger(add, alice, settings, tea, mug):
    settings.ORDER_LINES = 1
    add(tea)

    page = add(mug, 1, "Mug")

    assert page.status_code == 302
    assert contents(alice) == [("Tea", 1)]


def test_nobody_sees_or_changes_the_basket_of_another(bob, alice, filled, tea):
    bob.browser.post("/basket/", {"remove": str(tea)})

    assert "Your basket is empty" in bob.browser.get("/basket/").content.decode()
    assert contents(alice) == [("Tea", 2), ("Mug", 1)]


def test_the_menu_says_how_many_products_are_in_the_basket_and_to_nobody_else(browser, alice, bob, filled):
    assert "menu-count" in browser.get("/orders/").content.decode()

    other = bob.browser
    other.cookies[cookie_name("basket")] = browser.cookies[cookie_name("basket")].value
    assert "menu-count" not in other.get("/orders/").content.decode()


def test_the_basket_takes_as_many_statements_with_many_products_as_with_one(
    browser, add, inventory, django_assert_num_queries
):
    for number in range(20):
        add(inventory.add(f"sku {number}"), 1)

    for path in ("/basket/", "/basket/review/"):
        with django_assert_num_queries(1 if path == "/basket/" else 3):
            browser.get(path)


def test_a_basket_that_nobody_touches_is_forgotten(alice, filled):
    BasketLine.objects.filter(name="Tea").update(added_at=timezone.now() - timedelta(days=91))

    assert basket.clear_baskets() == 1
    assert contents(alice) == [("Mug", 1)]


def test_what_changed_is_said_on_the_way_to_the_review(browser, alice, inventory, filled, tea, mug):
    inventory.reprice(tea, "5.00")
    inventory.shelves[mug].on_hand = 0

    page = browser.post("/basket/", {"review": "EUR"}, follow=True)

    assert notes(page)[-2:] == ["Tea: The price is 5.00 EUR now; you saw 4.50.", "Mug: It is sold out."]
    assert [(line.name, line.quantity, line.price) for line in basket.list_basket(alice.sub)] == [("Tea", 2, 5)]
    assert placed(browser.post("/orders/", reviewed(page))).status == "placed"


# The review -------------------------------------------------------------------------------------


def test_the_address_of_the_last_order_is_remembered(browser, add, tea, filled):
    browser.post("/orders/", reviewed(browser.get("/basket/review/")))
    add(tea)

    assert browser.get("/basket/review/").context["form"]["ship_to"].value() == "1 Mosaic Lane"


def test_an_order_needs_an_address_and_keeps_the_basket(browser, alice, filled):
    page = browser.post("/orders/", reviewed(browser.get("/basket/review/"), ship_to=" "))

    assert page.status_code == 400
    assert "Say where it is to be sent." in page.content.decode()
    assert contents(alice) == [("Tea", 2), ("Mug", 1)]


def test_an_address_that_is_too_long_is_shown_again(browser, filled):
    page = browser.post("/orders/", reviewed(browser.get("/basket/review/"), ship_to="x" * 1001))

    assert page.status_code == 400
    assert page.context["form"]["ship_to"].value() == "x" * 1001


def test_sent_twice_it_is_one_order(browser, filled):
    form = reviewed(browser.get("/basket/review/"))

    first, again = browser.post("/orders/", form), browser.post("/orders/", form)

    assert first["Location"] == again["Location"]
    assert Order.objects.count() == 1


def test_of_two_windows_one_orders(browser, filled):
    one, other = (reviewed(browser.get("/basket/review/")) for _ in range(2))

    answers = [browser.post("/orders/", form) for form in (one, other)]

    assert [answer.status_code for answer in answers] == [302, 409]
    assert "changed or ordered in another window" in answers[1].content.decode()
    assert Order.objects.count() == 1


@pytest.mark.slow
def test_of_many_windows_at_once_one_orders(alice, filled, at_once):
    browser = alice.browser
    forms = [reviewed(browser.get("/basket/review/")) for _ in range(4)]

    answers = at_once(4, lambda number: alice.browser.post("/orders/", forms[number]).status_code)

    assert sorted(answers) == [302, 409, 409, 409]
    assert Order.objects.count() == 1


def test_what_was_changed_in_another_window_is_looked_at_again(browser, filled, tea):
    form = reviewed(browser.get("/basket/review/"))
    browser.post("/basket/", {str(tea): "9"})

    page = browser.post("/orders/", form)

    assert page.status_code == 409
    assert [line["quantity"] for line in page.context["group"].lines] == [9, 1]
    assert not Order.objects.exists()


def test_what_changed_meanwhile_is_said_by_line_and_can_be_ordered(browser, alice, inventory, filled, tea):
    inventory.reprice(tea, "5.00")

    page = browser.post("/orders/", reviewed(browser.get("/basket/review/")))

    assert page.status_code == 409
    assert page.context["notes"] == [("Tea", "The price is 5.00 EUR now; you saw 4.50. Your basket has that now.")]
    assert placed(browser.post("/orders/", reviewed(page))).status == "placed"


def test_all_that_changed_meanwhile_is_said_at_once(browser, inventory, filled, tea, mug):
    form = reviewed(browser.get("/basket/review/"))
    inventory.reprice(tea, "5.00")
    inventory.shelves[mug].active = False

    page = browser.post("/orders/", form)

    assert page.context["notes"] == [("Mug", "It is no longer sold. It is out of your basket.")]
    assert notes(page)[-1:] == ["Tea: The price is 5.00 EUR now; you saw 4.50."]
    assert placed(browser.post("/orders/", reviewed(page))).status == "placed"


def test_what_is_sold_out_is_out_of_the_basket_and_the_rest_can_be_ordered(browser, alice, inventory, filled, mug):
    inventory.shelves[mug].on_hand = 0

    page = browser.post("/orders/", reviewed(browser.get("/basket/review/")))

    assert page.context["notes"] == [("Mug", "It is sold out. It is out of your basket.")]
    assert contents(alice) == [("Tea", 2)]
    assert placed(browser.post("/orders/", reviewed(page))).lines.count() == 1


def test_what_is_not_sold_any_more_is_named_in_the_order_that_was_refused(browser, inventory, filled, mug):
    inventory.shelves[mug].active = False

    browser.post("/orders/", reviewed(browser.get("/basket/review/")))

    order = Order.objects.get()
    page = browser.get(f"/orders/{order.pk}/")
    assert order.status == "rejected"
    assert page.context["reasons"] == ["Mug: It is no longer sold."]
    assert [name in page.content.decode() for name in ("Mug", "Tea")] == [True, True]


def test_products_of_two_currencies_are_two_orders(browser, alice, add, inventory, tea):
    add(tea)
    add(inventory.add("pen", price="9.80", currency="GBP"), 1, "Mug", currency="GBP")

    review = browser.get("/basket/review/?currency=GBP")

    assert placed(browser.post("/orders/", reviewed(review))).currency == "GBP"
    assert contents(alice) == [("Tea", 1)]


@pytest.mark.parametrize("lines", [[], ["rubbish"], [f"{NOTHING} 0 4.50"], [f"{NOTHING} 1 4.50"] * 51])
def test_lines_made_up_are_no_order(browser, filled, lines):
    page = browser.post("/orders/", reviewed(browser.get("/basket/review/"), lines=lines))

    assert page.status_code == 400
    assert not Order.objects.exists()


def test_while_products_is_away_the_order_waits_and_the_basket_is_empty(browser, alice, inventory, filled):
    inventory.down = True

    answer = browser.post("/orders/", reviewed(browser.get("/basket/review/")))

    assert placed(answer).status == "pending"
    assert contents(alice) == []
