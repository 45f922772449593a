"""People search in their own letters, and find what is described when nothing is named so."""

from importlib import import_module

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction

from products.models import Product
from products.search_keys import MAX_KEY
from tests.older_text import normalize, write_raw

pytestmark = [pytest.mark.django_db, pytest.mark.database]

URL = "/api/products/"
KOREAN = "한국어로 된 아주 긴 상품의 이름 " * 9 + "고구마라떼"


def find(person, words, **query):
    return [product["name"] for product in person.get(URL, {"q": words, **query}).json()["results"]]


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("lodz", "Łódź mug"),
        ("smorrebrod", "Smørrebrød"),
        ("Tim's", "Tim’s tea"),
        ("tims", "Tim’s tea"),
        ("t-shirt", "T\u2011shirt"),
        ("t shirt", "T-shirt"),
        ("かぎ", "カギ"),
        ("ｶﾞｰｾﾞ", "ガーゼ"),
        ("елка", "Ёлка"),
        ("ισοτονικο", "Ισοτονικό"),
        ("קפה", "קָפֶה"),
        ("قهوة", "قهوه"),
        ("ชา", "ชาเขียว"),
        ("strasse", "Straße"),
        ("ISPARTA", "ısparta"),
        ("龍井", "龍井茶"),
        ("고구마라떼", KOREAN),
        ("ko-174", KOREAN),
        ("shirt, polo", "Polo shirt"),
        ("polo; shirt;", "Polo, shirt"),
        ("polo,shirt", "Shirt polo"),
        ("شاي، قهوة", "قهوة و شاي"),
        ("緑茶、紅茶", "紅茶と緑茶"),
        ("绿茶，红茶；", "红茶与绿茶"),
        ("1,5 l", "Kettle 1,5 l"),
    ],
)
def test_a_name_is_found_in_the_letters_that_people_type(alice, add, words, name):
    add(name, sku="KO-174")
    add("Something else", sku="Z")

    assert find(alice, words) == [name]
    assert find(alice, words, ordering="price") == [name]


@pytest.mark.parametrize(
    ("words", "name"), [("1,5", "Box 1 of 5"), ("かき", "かぎ"), ("茶", "查"), ("чаи", "чай"), ("가", "각")]
)
def test_another_letter_is_another_word(alice, add, words, name):
    add(name)

    assert find(alice, words) == []


@pytest.mark.parametrize("words", ["-", "’", "\u200b", "--- ''", "\u0301"])
@pytest.mark.parametrize("ordering", ["name", "price", None])
def test_a_search_for_nothing_finds_nothing(alice, add, words, ordering):
    add("Tea", description="A tea.")

    assert find(alice, words, **({"ordering": ordering} if ordering else {})) == []


def test_an_sku_is_found_even_if_nothing_is_left_to_search_for(alice, add):
    add("Dash", sku="--")

    assert find(alice, "--") == ["Dash"]


@pytest.mark.parametrize(
    ("words", "sku"),
    [("straße-1", "Straße-1"), ("é1", "é1"), ("cafe\u0301-1", "Café-1"), ("ａｂ－１", "AB-1"), ("\ue000", "AB-1")],
)
def test_whose_sku_it_is_comes_first_whatever_its_letters(add, words, sku):
    add("Sku", sku=sku)

    assert Product.objects.by_relevance(words)[0].exists() == (words != "\ue000")


def test_of_a_name_that_becomes_too_long_the_sku_is_still_found(alice, add):
    product = add("ß" * 200, sku="Z-1")

    assert len(product.search_key) == MAX_KEY
    assert find(alice, "z1") == ["ß" * 200]


def test_what_is_described_comes_below_what_is_named(alice, add):
    add("Pot", sku="A", description="For green tea, or for coffee.")
    add("Cup", sku="B", description="Goes with any teapot.")
    add("Green tea", sku="C", description="From Uji.")
    add("Tea", sku="D")
    add("Lamp", sku="E", description="Light.")

    assert find(alice, "tea") == ["Tea", "Green tea", "Cup", "Pot"]
    assert find(alice, "tea", ordering="name") == ["Cup", "Green tea", "Pot", "Tea"]
    assert find(alice, "green uji") == ["Green tea"]
    assert find(alice, "or") == []


def test_a_description_is_searched_as_it_is_now(carol, add):
    pot = add("Pot", description="Blue.")

    carol.patch(f"{URL}{pot.pk}/", {"description": "Red."})

    assert (find(carol, "blue"), find(carol, "red")) == ([], ["Pot"])


# Text that is older than these rules ------------------------------------------------------------


def test_what_a_release_before_wrote_is_found_after_the_migration(alice, add, capsys):
    tea = add("Tim’s tea", sku="T-1", description="Blue.")
    write_raw(tea, sku="T\u200b-1", search_key="tim’s tea t-1", search_text=None)

    import_module("products.migrations.0008_normal_forms").normalize(apps, None)

    tea.refresh_from_db()
    assert (tea.sku, tea.search_key, tea.version) == ("T\u200b-1", "tims tea t1", 1)
    assert find(alice, "blue") == find(alice, "tim's") == ["Tim’s tea"]
    assert f"products.product {tea.pk}: sku 'T\\u200b-1' stays: The character U+200B" in capsys.readouterr().out


def test_skus_that_would_become_one_both_stay_and_are_told(add):
    one, other = add("One", sku="CAFÉ"), add("Other", sku="X")
    write_raw(other, sku="CAFE\u0301")

    out, code = normalize()

    other.refresh_from_db()
    assert (other.sku, code) == ("CAFE\u0301", 2)
    assert f"products.product {other.pk}: sku 'CAFE\\u0301' stays: another is 'CAF\\xc9', too." in out

    write_raw(one, sku="CAFE\u0301 2")
    assert normalize()[1] == 0
    assert {*Product.objects.values_list("sku", flat=True)} == {"CAFÉ", "CAFÉ 2"}


def test_a_product_whose_text_is_moved_has_another_version(add):
    product = add("Tea", sku="T")
    write_raw(product, name="Te\u0301a")

    normalize()

    product.refresh_from_db()
    assert (product.name, product.version, product.search_key) == ("Téa", 2, "tea t")


def test_a_product_of_the_release_before_can_be_changed(carol, add):
    product = add("Tea", sku="T")
    write_raw(product, sku="T\u200b", name="\ue000")

    answer = carol.patch(f"{URL}{product.pk}/", {"price": "9.00"})

    assert (answer.status_code, answer.json()["sku"], answer.json()["name"]) == (200, "T\u200b", "\ue000")


# One text by every way in -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "sku", ["A\u200b1", "A\u20601", "A\u202e1", "A\ufe0f", "A\u0378", "\ue0001", "A\x071", "\u2060"]
)
def test_a_sku_has_nothing_that_nobody_sees(carol, sku):
    answer = carol.post(URL, {"sku": sku, "name": "Tea", "price": "1.00"})

    assert (answer.status_code, [*answer.json()["errors"]]) == (400, ["sku"])


def test_composed_and_decomposed_wide_and_narrow_are_one_sku(carol):
    for number, sku in enumerate(["CAFÉ-1", "CAFE\u0301-1", "ＣＡＦÉ－１", " CAFÉ\u20111 "]):
        answer = carol.post(URL, {"sku": sku, "name": "Tea", "price": "1.00"})
        assert answer.status_code == (409 if number else 201), sku


@pytest.mark.parametrize("name", ["\u200b", "\u2060\ufeff", "\u3164", "\u2800", " \u00a0"])
def test_a_name_has_something_that_can_be_seen(carol, name):
    answer = carol.post(URL, {"sku": "A", "name": name, "price": "1.00"})

    assert (answer.status_code, [*answer.json()["errors"]]) == (400, ["name"])


def test_no_way_around_the_columns_stores_another_form(add):
    product = add("Tea")
    Product.objects.filter(pk=product.pk).update(name="Te\u0301  a", description="a\r\nb")
    Product.objects.bulk_create([Product(sku="B\u20111", name="Caf\u200be\u0301", price=1)])

    product.refresh_from_db()
    assert (product.name, product.description) == ("Té a", "a\nb")
    assert {(own.sku, own.name, own.search_key) for own in Product.objects.exclude(pk=product.pk)} == {
        ("B-1", "Café", "cafe b1")
    }
    with pytest.raises(IntegrityError), transaction.atomic():
        Product.objects.bulk_create([Product(sku="Ｂ-1", name="B", price=1)])


def test_a_whole_name_may_be_searched_on_the_page_and_by_the_api(alice, add):
    name = "ł" * 200
    add(name, sku="L")

    assert find(alice, name) == [name]
    assert name in alice.browser.get("/products/", {"q": name}).content.decode()
    assert alice.get(URL, {"q": name + "x"}).status_code == 400
    assert alice.browser.get("/products/", {"q": name + "x"}).status_code == 400
