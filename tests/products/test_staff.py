"""Staff look after products and stock in the admin."""

import re
from decimal import Decimal
from uuid import uuid4

import pytest

from products import catalogue, reservations, stock
from products.admin import ProductForm
from products.models import Event, Movement, Product, Reservation, Stock
from products.reservations import RequestedLine
from wire.events import SYSTEM, Named

pytestmark = pytest.mark.django_db

ADMIN = "/admin/products/"


@pytest.fixture
def browser(carol):
    return carol.browser


@pytest.fixture
def held(tea, cup, order_id):
    reservations.reserve(order_id, [RequestedLine(tea.pk, 4), RequestedLine(cup.pk, 1)])
    return order_id


def form_of(product, **changes):
    fields = ("sku", "name", "description", "category", "price", "currency")
    filled = {name: getattr(product, name) for name in fields}
    opened = ProductForm(instance=Product.objects.get(pk=product.pk)).initial["opened"]
    return filled | {"active": "on", "opened": opened} | changes


@pytest.mark.parametrize("section", ["product", "stock", "movement", "reservation", "event"])
def test_every_list_takes_as_many_queries_however_long(browser, add, django_assert_max_num_queries, section):
    counts = []
    for letter in "abc":
        product = add(f"Thing {letter}", on_hand=5)
        for _ in range(5):
            reservations.reserve(uuid4(), [RequestedLine(product.pk, 1)])
        with django_assert_max_num_queries(12) as queries:
            assert browser.get(f"{ADMIN}{section}/").status_code == 200
        counts.append(len(queries))

    assert len(set(counts)) == 1


def test_the_page_of_a_product_shows_its_stock_and_movements(browser, tea, held):
    page = browser.get(f"{ADMIN}product/{tea.pk}/change/").content.decode()

    assert "10 on hand, 4 reserved, 6 available" in page
    assert f'<a href="{ADMIN}reservation/{held}/change/">an order</a>' in page
    assert 'name="on_hand"' not in page
    assert 'name="reserved"' not in page


@pytest.mark.parametrize(
    "page",
    [
        "product/{tea}/change/",
        "product/{tea}/correct/",
        "stock/{tea}/change/",
        "movement/{movement}/change/",
        "reservation/{held}/change/",
        "event/{event}/change/",
    ],
)
def test_what_is_shown_of_one_thing_takes_few_queries(browser, tea, held, page, django_assert_max_num_queries):
    movement, event = Movement.objects.first().pk, Event.objects.first().pk
    with django_assert_max_num_queries(8):
        answer = browser.get(ADMIN + page.format(tea=tea.pk, held=held, movement=movement, event=event))

    assert answer.status_code == 200


def test_a_product_is_found_by_words_in_any_case(browser, add):
    add("Café Crème")
    add("Tea")

    page = browser.get(f"{ADMIN}product/", {"q": "CREME"}).content.decode()

    assert "Café Crème" in page
    assert "1 product" in page


@pytest.mark.parametrize("section", ["stock", "movement"])
def test_stock_is_found_by_the_words_of_its_product(browser, tea, cup, section):
    page = browser.get(f"{ADMIN}{section}/", {"q": "cup"}).content.decode()

    assert "Cup (CUP)" in page
    assert "Tea (TEA)" not in page


@pytest.mark.parametrize("words", ["{order}", "nothing", "'"])
def test_a_reservation_is_found_by_its_order(browser, held, words):
    page = browser.get(f"{ADMIN}reservation/", {"q": words.format(order=held)})

    assert page.status_code == 200
    assert (str(held) in page.content.decode().partition("result_list")[2]) == (words == "{order}")


@pytest.mark.parametrize(
    ("query", "found"), [("available=yes", {"TEA"}), ("available=no", {"POT"}), ("active=0", set())]
)
def test_products_are_filtered(browser, tea, add, query, found):
    add("Pot")

    page = browser.get(f"{ADMIN}product/?{query.replace('active=0', 'active__exact=0')}")

    assert {product.sku for product in page.context["cl"].result_list} == found


def test_an_edit_writes_what_changed_and_bumps_the_version(browser, carol, tea, held, counters):
    answer = browser.post(f"{ADMIN}product/{tea.pk}/change/", form_of(tea, price="5.00"))

    product = Product.objects.get(pk=tea.pk)
    assert answer.status_code == 302
    assert (product.price, product.version) == (Decimal("5.00"), 2)
    assert counters(tea) == (10, 4)
    event = Event.objects.about(tea).last()
    assert (event.what, event.sub, event.facts) == ("changed", carol.sub, {"fields": {"price": ["4.500", "5.00"]}})


def test_an_edit_of_what_has_changed_meanwhile_is_refused(browser, tea):
    filled = form_of(tea, name="Green tea")
    catalogue.change_product(tea.pk, {"price": Decimal("5.00")}, by=SYSTEM)

    page = browser.post(f"{ADMIN}product/{tea.pk}/change/", filled)

    assert "Somebody else changed this" in page.content.decode()
    assert Product.objects.get(pk=tea.pk).name == "Tea"

    form = page.context["adminform"].form
    assert browser.post(f"{ADMIN}product/{tea.pk}/change/", form.data).status_code == 302
    assert Product.objects.values_list("name", "price").get(pk=tea.pk) == ("Green tea", Decimal("5.00"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"price": "0"}, "A price is above zero."),
        ({"price": "4.505"}, "EUR has 2 digits after the point."),
        ({"price": "much"}, "Enter a number."),
        ({"sku": "CUP"}, "already exists"),
        ({"name": ""}, "This field is required."),
    ],
)
def test_a_field_without_sense_is_told_beside_it(browser, tea, cup, changes, words):
    page = browser.post(f"{ADMIN}product/{tea.pk}/change/", form_of(tea, **changes))

    assert (page.status_code, words in page.content.decode()) == (200, True)
    assert Product.objects.get(pk=tea.pk).version == 1


def test_a_new_product_has_a_stock_row(browser, carol):
    filled = {
        "sku": "POT",
        "name": "Teapot",
        "category": "Kitchen",
        "price": "34.50",
        "currency": "EUR",
        "active": "on",
    }

    answer = browser.post(f"{ADMIN}product/add/", filled)

    product = Product.objects.get()
    assert (answer.status_code, product.sku) == (302, "POT")
    assert Stock.objects.filter(product=product, on_hand=0).exists()
    assert list(Event.objects.about(product).values_list("what", "sub")) == [("created", carol.sub)]


def test_products_are_retired_and_put_on_sale_by_an_action(browser, tea, cup):
    for action, active in (("retire", False), ("put_on_sale", True)):
        browser.post(f"{ADMIN}product/", {"action": action, "_selected_action": [str(tea.pk), str(cup.pk)]})
        assert set(Product.objects.values_list("active", flat=True)) == {active}
    assert list(Product.objects.values_list("version", flat=True)) == [3, 3]


@pytest.mark.django_db(transaction=True)
def test_stock_is_corrected_with_a_reason(browser, carol, tea, counters):
    answer = browser.post(f"{ADMIN}product/{tea.pk}/correct/", {"change": "-3", "reason": "broken"})

    assert (answer.status_code, answer["Location"]) == (302, f"{ADMIN}product/{tea.pk}/change/")
    assert counters(tea) == (7, 0)
    assert Movement.objects.filter(reason="broken", sub=carol.sub, on_hand=-3).exists()


@pytest.mark.django_db(transaction=True)
def test_a_correction_that_is_sent_twice_counts_once(browser, tea, counters):
    address = f"{ADMIN}product/{tea.pk}/correct/"
    [key] = re.findall(r'name="key" value="([^"]+)"', browser.get(address).content.decode())
    filled = {"change": "-3", "reason": "broken", "key": key}

    pages = [browser.post(address, filled, follow=True).content.decode() for _ in range(2)]

    assert counters(tea) == (7, 0)
    assert ["was made already; nothing was done again" in page for page in pages] == [False, True]
    assert browser.post(address, {**filled, "key": str(uuid4())}).status_code == 302
    assert counters(tea) == (4, 0)


@pytest.mark.parametrize(
    ("filled", "words"),
    [
        ({"change": "-7", "reason": "broken"}, "Orders hold 4 of the 10 on hand, so no more than 6 can be taken"),
        ({"change": "-50", "reason": "broken"}, "50 cannot be taken away: no more than 10 are on hand."),
        ({"change": "0", "reason": "count"}, "Nothing would change."),
        ({"change": "5", "reason": ""}, "This field is required."),
        ({"change": "lots", "reason": "count"}, "Enter a whole number."),
        ({"change": "9" * 30, "reason": "count"}, "less than or equal to"),
    ],
)
def test_a_correction_without_sense_is_told(browser, tea, held, filled, words):
    page = browser.post(f"{ADMIN}product/{tea.pk}/correct/", filled)

    assert (page.status_code, words in page.content.decode()) == (200, True)
    assert Stock.objects.get(pk=tea.pk).on_hand == 10


@pytest.mark.parametrize("address", ["product/{unknown}/correct/", "product/0/correct/", "product/{unknown}/change/"])
def test_a_product_that_is_not_there_leads_back(browser, address):
    assert browser.get(ADMIN + address.format(unknown=uuid4())).status_code == 302


def test_nothing_is_deleted_and_ledgers_are_not_edited(browser, tea, held):
    movement = Movement.objects.first()

    for address in (
        f"product/{tea.pk}/delete/",
        f"stock/{tea.pk}/delete/",
        "stock/add/",
        "movement/add/",
        f"movement/{movement.pk}/delete/",
        "reservation/add/",
        "event/add/",
    ):
        assert browser.post(ADMIN + address, {"post": "yes"}).status_code == 403
    for address in (f"stock/{tea.pk}/change/", f"movement/{movement.pk}/change/", f"reservation/{held}/change/"):
        assert browser.post(ADMIN + address, {"on_hand": 99, "state": "released"}).status_code == 403

    assert Stock.objects.get(pk=tea.pk).on_hand == 10
    assert Reservation.objects.get().state == "held"


def test_others_do_not_get_in(alice, dave, tea, counters):
    for person in (alice, dave):
        for address in (
            "product/",
            f"product/{tea.pk}/change/",
            f"product/{tea.pk}/correct/",
            "stock/",
            "reservation/",
        ):
            assert person.browser.get(ADMIN + address).status_code == 403
        filled = {"change": "5", "reason": "mine"}
        assert person.browser.post(f"{ADMIN}product/{tea.pk}/correct/", filled).status_code == 403
    assert counters(tea) == (10, 0)


def test_the_history_of_a_product_is_its_events(browser, tea):
    page = browser.get(f"{ADMIN}product/{tea.pk}/history/").content.decode()

    assert "created" in page
    assert "stock corrected" in page


def test_who_changed_a_price_and_from_what_to_what_stands_in_the_history(browser, carol, admin, tea):
    price = f"{tea.price + 3:.2f}"
    browser.post(f"{ADMIN}product/{tea.pk}/change/", form_of(tea, price=price))
    histories = [person.browser.get(f"{ADMIN}product/{tea.pk}/history/").content.decode() for person in (admin, carol)]

    who = "Carol (carol@example.com)"
    assert all(f"Price: {tea.price:.2f} to {price}" in page for page in histories)
    assert f'<a href="/admin/accounts/user/{carol.sub}/change/">{who}</a>' in histories[0]
    assert f"<td>{who}" in histories[1]


def test_events_and_movements_name_people_and_things(browser, admin, tea):
    browser.post(f"{ADMIN}product/{tea.pk}/change/", form_of(tea, name="Green tea"))
    stock.correct(tea.pk, 1, reason="delivered", by=current(admin))

    events, movements = (admin.browser.get(f"{ADMIN}{section}/").content.decode() for section in ("event", "movement"))

    assert f'product <a href="/admin/products/product/{tea.pk}/change/">Green tea (TEA)</a>' in events
    assert "Carol (carol@example.com)" in events
    assert "Name: Tea to Green tea" in events
    assert "Admin (admin@example.com)" in movements


def current(person):
    return Named(person.sub, name=person.name.capitalize(), email=person.email)


def test_stock_is_low_from_where_staff_want_to_be_told(browser, add):
    low, sold_out, _enough, unwatched = (
        add(name, on_hand=units) for name, units in zip("abcd", (2, 0, 3, 0), strict=True)
    )
    Product.objects.exclude(pk=unwatched.pk).update(low_stock=2)

    listed = browser.get(f"{ADMIN}product/?available=low").context["cl"].result_list

    assert {product.pk for product in listed} == {low.pk, sold_out.pk}


def test_a_price_stands_in_the_form_as_its_currency_has_it(browser, tea):
    page = browser.get(f"{ADMIN}product/{tea.pk}/change/")

    assert page.context["adminform"].form["price"].value() == Decimal("4.50")
    assert f'value="{tea.price:.2f}"' in page.content.decode()


@pytest.mark.parametrize("times", [1, 2])
def test_how_many_were_changed_is_said_and_that_none_was(browser, tea, times):
    for _ in range(times):
        page = browser.post(f"{ADMIN}product/", {"action": "retire", "_selected_action": str(tea.pk)}, follow=True)

    assert {1: "1 product retired.", 2: "nothing was changed."}[times] in page.content.decode()
