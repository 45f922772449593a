"""People search the catalogue, and read it page by page."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from itertools import chain
from uuid import UUID

import orjson
import pytest
from django.db import connection

from products import catalogue, reservations
from products.reservations import RequestedLine
from wire.events import SYSTEM
from wire.search_key import fold

pytestmark = [pytest.mark.django_db, pytest.mark.database]

URL = "/api/products/"


@pytest.fixture
def shop(add):
    """Six products; skus are the names in capitals."""
    add("Green tea", price="4.50", on_hand=5, category="Drinks")
    add("Black tea", price="3.00", category="Drinks")
    add("Teapot", price="34.50", on_hand=2, category="Kitchen")
    add("Café Crème", price="11.00", on_hand=9, category="Drinks")
    add("Mug 100%", price="9.00", on_hand=1, category="Kitchen")
    add("Zither", price="80.00", on_hand=1, category="Music")


def names(response):
    assert response.status_code == 200, response.content
    return [product["name"] for product in response.json()["results"]]


def walk(person, **query):
    """The names on every page, forwards, and on every page backwards from the last."""
    forwards, backwards, answer = [], [], person.get(URL, query).json()
    while True:
        forwards.append([product["name"] for product in answer["results"]])
        if answer["next"] is None:
            break
        answer = person.get(answer["next"]).json()
    while True:
        backwards.insert(0, [product["name"] for product in answer["results"]])
        if answer["previous"] is None:
            break
        answer = person.get(answer["previous"]).json()
    return forwards, backwards


def test_a_list_tells_what_may_be_ordered(alice, tea, order_id):
    reservations.reserve(order_id, [RequestedLine(tea.pk, 4)])

    answer = alice.get(URL)

    assert answer.json() == {
        "results": [
            {
                "id": str(tea.pk),
                "sku": "TEA",
                "name": "Tea",
                "category": "Drinks",
                "price": "4.50",
                "currency": "EUR",
                "available": 6,
                "active": True,
            }
        ],
        "next": None,
        "previous": None,
    }
    assert (answer["Cache-Control"], answer.has_header("ETag")) == ("private, no-store", False)


def test_staff_see_what_is_behind_the_stock(carol, tea, order_id):
    reservations.reserve(order_id, [RequestedLine(tea.pk, 4)])

    product = carol.get(URL).json()["results"][0]

    assert (product["on_hand"], product["reserved"], product["available"]) == (10, 4, 6)


def test_yen_have_no_digits_after_the_point(alice, add):
    add("Matcha", price="1200", currency="JPY")

    assert alice.get(URL).json()["results"][0]["price"] == "1200"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"category": "Kitchen"}, ["Mug 100%", "Teapot"]),
        ({"price_min": "9.00", "price_max": "11.0"}, ["Café Crème", "Mug 100%"]),
        ({"in_stock": "true", "category": "Drinks"}, ["Café Crème", "Green tea"]),
        ({"in_stock": "false"}, ["Black tea"]),
        ({"q": "TEA"}, ["Teapot", "Black tea", "Green tea"]),
        ({"q": "cafe"}, ["Café Crème"]),
        ({"q": "CRÈME café"}, ["Café Crème"]),
        ({"q": "green tea"}, ["Green tea"]),
        ({"q": "100%"}, ["Mug 100%"]),
        ({"q": "_"}, []),
        ({"q": "tea", "ordering": "-price"}, ["Teapot", "Green tea", "Black tea"]),
        ({"q": "tea", "in_stock": "true", "price_max": "5"}, ["Green tea"]),
        ({"q": "nothing like it"}, []),
        ({"category": "Drinks' OR 1=1 --"}, []),
    ],
)
def test_a_search_finds_what_fits(alice, shop, query, found):
    assert names(alice.get(URL, query)) == found


def test_an_sku_in_any_case_comes_first(alice, add):
    add("Lid for 85123a", sku="LID")
    add("Zebra", sku="85123A")

    assert names(alice.get(URL, {"q": "85123a"})) == ["Zebra", "Lid for 85123a"]


@pytest.mark.parametrize(
    ("ordering", "found"),
    [
        ("name", ["Black tea", "Café Crème", "Green tea", "Mug 100%", "Teapot", "Zither"]),
        ("price", ["Black tea", "Green tea", "Mug 100%", "Café Crème", "Teapot", "Zither"]),
        ("created", ["Green tea", "Black tea", "Teapot", "Café Crème", "Mug 100%", "Zither"]),
    ],
)
def test_pages_in_each_order_hold_everything_once_both_ways(alice, shop, ordering, found):
    forwards, backwards = walk(alice, ordering=ordering, limit=4)
    assert forwards == [found[:4], found[4:]]
    assert list(chain(*backwards)) == found

    forwards, _ = walk(alice, ordering=f"-{ordering}", limit=4)
    assert list(chain(*forwards)) == found[::-1]


def test_pages_by_relevance_hold_everything_once_both_ways(alice, shop):
    forwards, backwards = walk(alice, q="tea", limit=1)

    assert forwards == backwards == [["Teapot"], ["Black tea"], ["Green tea"]]


def test_pages_by_relevance_go_from_one_kind_of_match_to_the_next(alice, add):
    """The sku, what begins with it, and the rest: wherever pages end, nothing is left out or comes twice."""
    for name, sku in (("Tea", "A"), ("Teapot", "B"), ("Green tea", "C"), ("Old tea", "D"), ("Zebra", "tea")):
        add(name, sku=sku)
    found = ["Zebra", "Tea", "Teapot", "Green tea", "Old tea"]

    for limit in (1, 2, 3, 4, 5):
        forwards, backwards = walk(alice, q="TEA", limit=limit)
        assert list(chain(*forwards)) == list(chain(*backwards)) == found


@pytest.mark.parametrize("name", ["Tea\U0010ffffx", "Tea \u0e40\u0e01\u0e21", "teas"])
def test_whatever_follows_the_words_a_product_is_found(alice, add, name):
    add(name, sku="X")

    assert names(alice.get(URL, {"q": "tea"})) == [name]


@pytest.mark.database
@pytest.mark.parametrize(
    "words", ["' OR '1'='1", "tea' OR 1=1 --", 'tea"; DROP TABLE products_product; --', "%", "_ea", "\\", "(", "*"]
)
@pytest.mark.parametrize("field", ["q", "category", "active", "ordering", "price_min", "cursor"])
def test_what_is_looked_for_is_never_sql_and_no_pattern(alice, shop, field, words):
    before = names(alice.get(URL))

    answer = alice.get(URL, {field: words})

    found = names(answer) if answer.status_code == 200 else []
    assert answer.status_code in (200, 400)
    assert found == [name for name in found if words in name]
    assert names(alice.get(URL)) == before != []


def test_one_parameter_sent_twice_is_refused(alice, shop):
    refused = alice.get(f"{URL}?limit=1&limit=2")

    assert (refused.status_code, refused.json()["errors"]) == (400, {"limit": ["It is given more than once."]})


@pytest.mark.parametrize("tier", [-1, 3, 10**9])
def test_a_cursor_of_no_kind_of_match_finds_nothing_new(alice, shop, tier):
    cursor = alice.get(URL, {"q": "tea", "limit": 1}).json()["next"].partition("cursor=")[2].partition("&")[0]
    shape, backward, values = orjson.loads(urlsafe_b64decode(cursor + "=="))
    forged = urlsafe_b64encode(orjson.dumps([shape, backward, [tier, *values[1:]]])).rstrip(b"=").decode()

    answer = alice.get(URL, {"q": "tea", "cursor": forged})

    assert answer.status_code == 200
    assert set(names(answer)) <= {"Teapot", "Black tea", "Green tea"}


def test_products_of_one_price_are_told_apart_by_id(alice, add):
    everything = [add(name, price="1.00").name for name in ("Ash", "Elm", "Fir", "Oak", "Yew")]

    forwards, _ = walk(alice, ordering="-price", limit=2)

    assert sorted(chain(*forwards)) == sorted(everything)


def test_a_cursor_of_another_list_is_refused(alice, shop):
    cursor = alice.get(URL, {"limit": 1}).json()["next"].partition("cursor=")[2].partition("&")[0]

    for query in ({"ordering": "price"}, {"category": "Drinks"}, {"q": "tea"}):
        answer = alice.get(URL, {"cursor": cursor, **query})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid-cursor")


@pytest.mark.parametrize(
    "query",
    [
        {"price_min": "cheap"},
        {"price_max": "-1"},
        {"price_min": "1e5"},
        {"price_min": "NaN"},
        {"in_stock": "perhaps"},
        {"active": "1"},
        {"ordering": "random"},
        {"q": "t" * 201},
        {"q": "te\0a"},
        {"category": "te\0a"},
        {"limit": "0"},
        {"limit": "many"},
        {"cursor": "rubbish"},
    ],
)
def test_a_search_without_sense_is_a_problem(alice, tea, query):
    answer = alice.get(URL, query)

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")


def test_retired_products_are_not_listed_but_for_staff_who_ask(alice, carol, tea, cup):
    catalogue.change_product(cup.pk, {"active": False}, by=SYSTEM)

    assert names(alice.get(URL)) == ["Tea"]
    assert names(carol.get(URL)) == ["Tea"]
    assert names(carol.get(URL, {"active": "false"})) == ["Cup"]
    assert names(carol.get(URL, {"active": "any"})) == ["Cup", "Tea"]
    for wish in ("false", "any"):
        answer = alice.get(URL, {"active": wish})
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient-scope")


def test_one_product_is_read_with_its_description(alice, carol, tea):
    public = alice.get(f"{URL}{tea.pk}/")

    assert public.json() == {
        "id": str(tea.pk),
        "sku": "TEA",
        "name": "Tea",
        "category": "Drinks",
        "price": "4.50",
        "currency": "EUR",
        "available": 10,
        "active": True,
        "description": "Black.",
    }
    assert carol.get(f"{URL}{tea.pk}/").json() == public.json() | {"on_hand": 10, "reserved": 0}


def test_a_retired_product_is_still_read(alice, tea):
    catalogue.change_product(tea.pk, {"active": False}, by=SYSTEM)

    assert alice.get(f"{URL}{tea.pk}/").json()["active"] is False


def test_the_etag_is_version_and_stock(alice, carol, tea, order_id):
    reservations.reserve(order_id, [RequestedLine(tea.pk, 4)])
    catalogue.change_product(tea.pk, {"name": "Green tea"}, by=SYSTEM)

    assert alice.get(f"{URL}{tea.pk}/")["ETag"] == '"2.10.4"'


def test_who_knows_a_product_is_not_told_again(alice, tea, order_id):
    address = f"{URL}{tea.pk}/"
    tag = alice.get(address)["ETag"]

    unchanged = alice.get(address, headers={"If-None-Match": tag})
    reservations.reserve(order_id, [RequestedLine(tea.pk, 4)])
    changed = alice.get(address, headers={"If-None-Match": tag})

    assert (unchanged.status_code, unchanged.content, unchanged["ETag"]) == (304, b"", tag)
    assert (changed.status_code, changed.json()["available"]) == (200, 6)


def test_an_unknown_product_is_not_found(alice, tea):
    answer = alice.get(f"{URL}{UUID(int=7)}/")

    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


def test_nobody_reads_without_a_token_that_says_so(anonymous, orders_service, tea):
    for address in (URL, f"{URL}{tea.pk}/"):
        assert anonymous.get(address).status_code == 401
        assert orders_service.get(address).status_code == 403


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({}, 1),
        ({"q": "thing"}, 4),
        ({"q": "thing", "ordering": "name"}, 1),
        ({"ordering": "-price", "in_stock": "true"}, 1),
        ({"category": "C"}, 1),
    ],
)
def test_a_list_takes_as_many_queries_however_long(alice, add, django_assert_num_queries, query, count):
    for number in range(3):
        add(f"Thing {number}", category="C", on_hand=1)
    count += "q" in query and connection.vendor == "sqlite"  # It asks its index of parts of words.
    with django_assert_num_queries(count):
        few = alice.get(URL, {"limit": 100, **query})
    for number in range(3, 30):
        add(f"Thing {number}", category="C", on_hand=1)
    with django_assert_num_queries(count):
        many = alice.get(URL, {"limit": 100, **query})

    assert [len(few.json()["results"]), len(many.json()["results"])] == [3, 30]


def test_a_product_takes_one_query(alice, tea, django_assert_num_queries):
    with django_assert_num_queries(1):
        alice.get(f"{URL}{tea.pk}/")


@pytest.mark.parametrize(
    ("text", "folded"), [("Café  Noir", "cafe noir"), ("\N{SCRIPT CAPITAL H}", "h"), ("Straße", "strasse")]
)
def test_text_is_compared_without_case_and_accents(text, folded):
    assert fold(text) == folded


def test_a_price_says_its_currency_where_there_are_several(alice, shop, add):
    assert names(alice.get(URL, {"price_max": "4"})) == ["Black tea"]

    add("Matcha", price="4", currency="JPY")
    add("Shortbread", price="4", currency="GBP")
    unclear = alice.get(URL, {"price_max": "4"})

    assert (unclear.status_code, unclear.json()["code"]) == (400, "invalid")
    assert unclear.json()["errors"] == {"currency": ["Say which currency the price is in: EUR, GBP, JPY."]}
    assert names(alice.get(URL, {"price_max": "4", "currency": "JPY"})) == ["Matcha"]
    assert names(alice.get(URL, {"currency": "GBP"})) == ["Shortbread"]


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ({"ordering": "cheap"}, {"ordering": ["It is one of: name, -name, price, -price, created, -created."]}),
        ({"in_stock": "banana"}, {"in_stock": ["It is one of: true, false."]}),
        ({"active": "no"}, {"active": ["It is one of: true, false, any."]}),
    ],
)
def test_a_wrong_word_is_told_the_right_ones(alice, query, errors):
    refused = alice.get(URL, query)

    assert (refused.status_code, refused.json()["errors"]) == (400, errors)
