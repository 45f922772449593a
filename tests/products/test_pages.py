"""A browser finds products, and has what it takes to order each."""

import re
import uuid
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from products import catalogue, spelling
from tests.conftest import Person
from tokens.cookies import access_name
from wire.events import SYSTEM

pytestmark = pytest.mark.django_db


def names(page):
    return [product["name"] for product in page.context["products"]]


def fields(page):
    """The hidden fields of the order forms of a page, one dict per form."""
    forms = re.findall(r'<form class="order-form".*?</form>', page.content.decode(), re.DOTALL)
    hidden = [re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form) for form in forms]
    return [dict(pairs) for pairs in hidden]


def test_the_page_shows_what_is_for_sale(alice, tea, cup):
    page = alice.browser.get("/products/")

    assert page.status_code == 200
    assert names(page) == ["Cup", "Tea"]
    assert "10 in stock" in page.content.decode()
    assert "Only 3 left" in page.content.decode()


def test_each_form_puts_into_the_basket_what_the_page_shows(alice, tea, cup):
    forms = fields(alice.browser.get("/products/"))
    for form in forms:
        del form["csrfmiddlewaretoken"]

    assert forms == [
        {"product": str(cup.pk), "name": "Cup", "price": "12.00", "currency": "EUR"},
        {"product": str(tea.pk), "name": "Tea", "price": "4.50", "currency": "EUR"},
    ]


def test_a_page_of_prices_is_never_stored(alice, tea):
    assert alice.browser.get("/products/")["Cache-Control"] == "private, no-store"


def test_what_is_sold_out_or_retired_has_no_order_form(alice, add):
    gone = add("Old tea", on_hand=5)
    catalogue.change_product(gone.pk, {"active": False}, by=SYSTEM)
    add("No tea")

    page = alice.browser.get("/products/")

    assert names(page) == ["No tea"]
    assert fields(page) == []
    assert "Sold out" in page.content.decode()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=tea", ["Tea"]),
        ("category=Kitchen", ["Cup"]),
        ("price_max=5", ["Tea"]),
        ("price_max=0", []),
        ("price_min=4.50&price_max=12", ["Cup", "Tea"]),
        ("ordering=-price", ["Cup", "Tea"]),
        ("ordering=price", ["Tea", "Cup"]),
        ("q=tea&category=Kitchen", []),
    ],
)
def test_the_catalogue_is_searched_filtered_and_ordered(alice, tea, cup, query, found):
    assert names(alice.browser.get(f"/products/?{query}")) == found


def test_in_stock_only_leaves_out_what_is_sold_out(alice, tea, add):
    add("No tea")

    assert names(alice.browser.get("/products/?in_stock=on")) == ["Tea"]


@pytest.mark.parametrize(
    ("query", "field"),
    [("price_min=cheap", "price_min"), ("price_max=-1", "price_max"), ("category=Nowhere", "category")],
)
def test_a_filter_that_makes_no_sense_is_told_beside_its_field(alice, tea, query, field):
    page = alice.browser.get(f"/products/?{query}")

    assert page.status_code == 400
    assert list(page.context["form"].errors) == [field]
    assert f'id="id_{field}_error"' in page.content.decode()


def test_pages_lead_on_and_back(alice, add):
    for number in range(30):
        add(f"Tea {number:02}")

    first = alice.browser.get("/products/?q=tea")
    second = alice.browser.get(f"/products/{first.context['next']}")
    back = alice.browser.get(f"/products/{second.context['previous']}")

    assert names(first) + names(second) == [f"Tea {number:02}" for number in range(30)]
    assert names(back) == names(first)
    assert second.context["next"] is None


def test_a_cursor_made_up_is_a_bad_request(alice, tea):
    assert alice.browser.get("/products/?cursor=rubbish").status_code == 400


def test_the_number_of_queries_does_not_grow_with_the_page(alice, add, django_assert_num_queries):
    for number in range(20):
        add(f"Tea {number}", category=f"Kind {number}")
    browser = alice.browser

    with django_assert_num_queries(4):
        browser.get("/products/")


@pytest.mark.parametrize(("count", "said"), [(1, "1 product"), (2, "2 products")])
def test_how_many_were_found_is_said(alice, add, count, said):
    for number in range(count):
        add(f"Tea {number}")

    assert alice.browser.get("/products/?q=tea").context["found"] == said


def test_very_many_are_not_counted(alice, add, monkeypatch):
    monkeypatch.setattr(catalogue, "MOST_COUNTED", 25)
    for number in range(27):
        add(f"Tea {number}")

    first = alice.browser.get("/products/")
    assert first.context["found"] == "More than 25 products"
    assert alice.browser.get(f"/products/{first.context['next']}").context["found"] is None


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("asam", "assam"),
        ("secnha", "sencha"),
        ("Secnha tea", "sencha tea"),
        ("xyzzy", None),
        ("aassaamm tee pot", None),
    ],
)
def test_a_typing_error_in_a_search_is_led_to_what_was_meant(alice, add, typed, meant):
    add("Assam tea")
    add("Sencha tea")

    page = alice.browser.get("/products/", {"q": typed})

    assert page.context["suggestion"] == (meant and (meant, f"?q={meant.replace(' ', '+')}"))


def test_what_would_find_nothing_either_is_not_suggested(alice, add):
    add("Assam", category="Tea")
    add("Cup", category="Kitchen")

    assert alice.browser.get("/products/?q=asam&category=Kitchen").context["suggestion"] is None


@pytest.mark.postgresql
def test_in_a_large_catalogue_postgresql_says_what_is_alike(alice, add, monkeypatch):
    monkeypatch.setattr(spelling, "MOST_NAMES", 1)
    for number in range(3):
        add(f"Assam {number}")

    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('product_by_part') IS NULL")
        [is_missing] = cursor.fetchone()
    assert spelling.suggest_words("asssam") == ("" if is_missing else "assam")


def test_one_product_shows_all_of_itself(alice, tea):
    page = alice.browser.get(f"/products/{tea.pk}/")

    assert page.status_code == 200
    assert "Black." in page.content.decode()
    assert [form["product"] for form in fields(page)] == [str(tea.pk)]


def test_a_product_that_is_not_there_is_a_404_page(alice):
    page = alice.browser.get(f"/products/{uuid.uuid4()}/")

    assert page.status_code == 404
    assert "There is nothing here" in page.content.decode()


def test_what_people_wrote_is_escaped(alice, add):
    add("<script>alert(1)</script>", on_hand=1)

    page = alice.browser.get("/products/").content.decode()

    assert "&lt;script&gt;alert" in page
    assert "<script>" not in page


def test_nobody_sees_the_catalogue_without_a_token(client, tea):
    page = client.get("/products/?q=tea")

    assert (page.status_code, page["Location"]) == (302, "/login/?next=/products/%3Fq%3Dtea")


def test_a_public_catalogue_is_seen_by_everybody_who_logs_in_to_order(client, tea, settings):
    settings.PUBLIC_CATALOGUE = True

    page, product = client.get("/products/?q=tea"), client.get(f"/products/{tea.pk}/")

    assert (page.status_code, names(page), fields(page)) == (200, ["Tea"], [])
    assert f'href="/login/?next=/products/{tea.pk}/"' in product.content.decode()


def test_a_public_catalogue_knows_whose_token_has_to_be_renewed(client, settings, tea):
    settings.PUBLIC_CATALOGUE = True
    with time_machine.travel(timezone.now() - timedelta(hours=1)):
        client.cookies[access_name()] = Person("alice", "products:read").token

    answer = client.get("/products/")

    assert (answer.status_code, answer["Location"]) == (307, "/login/renew/?next=/products/")


def test_a_public_api_reads_and_shows_no_counters(anonymous, tea, settings):
    settings.PUBLIC_CATALOGUE = True

    listed, one = anonymous.get("/api/products/"), anonymous.get(f"/api/products/{tea.pk}/")

    assert (listed.status_code, one.status_code) == (200, 200)
    assert {"on_hand", "reserved"}.isdisjoint(listed.json()["results"][0].keys() | one.json().keys())
    assert "ETag" not in one


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("post", "/api/products/"),
        ("patch", "/api/products/{}/"),
        ("get", "/api/products/reservations/"),
        ("get", "/api/products/reservations/offers/"),
    ],
)
def test_a_public_catalogue_opens_nothing_else(anonymous, tea, settings, method, path):
    settings.PUBLIC_CATALOGUE = True

    assert getattr(anonymous, method)(path.format(tea.pk)).status_code == 401


def test_a_token_that_is_refused_is_refused_by_a_public_api(anonymous, tea, settings):
    settings.PUBLIC_CATALOGUE = True
    anonymous.credentials(HTTP_AUTHORIZATION="Bearer rubbish")

    assert anonymous.get("/api/products/").status_code == 401


def test_who_may_not_order_gets_no_order_form(tea):
    reader = Person("reader", "products:read")

    assert fields(reader.browser.get("/products/")) == []


@pytest.mark.parametrize(("scope", "shown"), [("orders:read", True), ("orders:manage", False)])
def test_the_menu_leads_only_where_one_may_go(scope, shown):
    page = Person("dave", f"products:read {scope}").browser.get("/products/")

    assert ('href="/orders/"' in page.content.decode()) == shown


def test_a_shop_of_one_currency_says_which_the_prices_are_in(alice, tea, cup):
    page = alice.browser.get("/products/", {"price_max": "5"})

    assert (page.status_code, names(page)) == (200, ["Tea"])
    assert "Price to EUR" in page.content.decode()


def test_a_price_is_in_one_of_several_currencies(alice, tea, add):
    add("Matcha", price="4", currency="JPY")

    unclear = alice.browser.get("/products/", {"price_max": "5"})
    clear = alice.browser.get("/products/", {"price_max": "5", "currency": "JPY"})

    assert unclear.status_code == 400
    assert "Say which currency the price is in." in unclear.content.decode()
    assert names(clear) == ["Matcha"]


@pytest.mark.parametrize(("given", "status"), [("on", 200), ("true", 200), ("false", 200), ("", 200), ("banana", 400)])
def test_in_stock_is_said_as_the_api_has_it(alice, tea, given, status):
    assert alice.browser.get("/products/", {"in_stock": given}).status_code == status


def test_a_typing_error_is_named_with_a_way_on(alice, tea):
    page = alice.browser.get("/products/?prize_max=5&q=tea")

    assert page.status_code == 400
    assert "<code>prize_max</code>" in page.content.decode()
    assert '<a href="/products/" class="button">Open the page without it</a>' in page.content.decode()


def test_a_link_from_a_newsletter_leads_to_the_products_and_on(alice, add):
    for number in range(25):
        add(f"Tea {number}")

    page = alice.browser.get("/products/?utm_source=news&fbclid=1&q=&ordering=name")

    assert page.status_code == 200
    assert "utm_source" not in page.content.decode()
    assert alice.browser.get("/products/" + page.context["next"]).status_code == 200
