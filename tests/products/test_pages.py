"""A browser finds products, and has what it takes to order each."""

import re
import uuid

import pytest

from products import catalogue
from tests.conftest import Person
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


def test_each_order_form_has_the_price_seen_and_a_fresh_key(alice, tea, cup):
    first, again = (fields(alice.browser.get("/products/")) for _ in range(2))

    assert [(form["product"], form["price"]) for form in first] == [(str(cup.pk), "12.00"), (str(tea.pk), "4.50")]
    assert len({uuid.UUID(form["key"]) for form in first + again}) == 4


def test_a_page_with_keys_is_never_stored(alice, tea):
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

    with django_assert_num_queries(2):
        browser.get("/products/")


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

    assert "<script>" not in alice.browser.get("/products/").content.decode()


def test_nobody_sees_the_catalogue_without_a_token(client, tea):
    page = client.get("/products/?q=tea")

    assert (page.status_code, page["Location"]) == (302, "/login/?next=/products/%3Fq%3Dtea")


def test_who_may_not_order_gets_no_order_form(tea):
    reader = Person("reader", "products:read")

    assert fields(reader.browser.get("/products/")) == []


@pytest.mark.parametrize(("scope", "shown"), [("orders:read", True), ("orders:manage", False)])
def test_the_menu_leads_only_where_one_may_go(scope, shown):
    page = Person("dave", f"products:read {scope}").browser.get("/products/")

    assert ('href="/orders/"' in page.content.decode()) == shown
