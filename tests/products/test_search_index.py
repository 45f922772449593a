"""SQLite finds words in the middle of texts along an index, which follows every change of a product."""

from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext

from products import search_index
from products.models import Product

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL keeps its own"),
]

migration = import_module("products.migrations.0013_search_parts")
NAMES = ["Łódź mug", "Green tea", "龍井茶 tin", "Кружка", "Ｔｅａ “pot”", "한국어 책", "قهوة", "Käsebrett"]


@pytest.fixture
def shelf(add):
    return [add(name, sku=f"N-{number}", description="Of oak.") for number, name in enumerate(NAMES)]


@pytest.fixture
def editor():
    class Editor:
        def __init__(self):
            self.connection = connection

        def execute(self, sql):
            with connection.cursor() as cursor:
                cursor.execute(sql)

    return Editor()


def indexed(*words):
    """The names of the products that the index has all of some words for."""
    parts = {part for word in words for part in search_index.split_parts(word)}
    return [
        product.name for product in Product.objects.filter(pk__in=search_index.find_products(parts, using="default"))
    ]


def found(words):
    return [product.name for product in Product.objects.matching(words)]


@pytest.mark.parametrize("words", ["odz", "lodz n0", "龍井茶", "ружк", "tea pot", "한국어", "قهو", "sebre", "mug oak"])
def test_a_word_of_three_letters_is_found_without_reading_the_catalogue(alice, shelf, words):
    with CaptureQueriesContext(connection) as captured:
        names = [product["name"] for product in alice.get("/api/products/", {"q": words}).json()["results"]]

    plans = []
    with connection.cursor() as cursor:
        for query in captured.captured_queries:
            cursor.execute(f"EXPLAIN QUERY PLAN {query['sql']}")
            plans += [row[-1] for row in cursor.fetchall()]
    assert names == indexed(*words.split()) != []
    assert not [plan for plan in plans if plan.startswith("SCAN products_product")]


def test_what_nothing_holds_is_not_looked_for_in_products(alice, shelf):
    with CaptureQueriesContext(connection) as captured:
        alice.get("/api/products/", {"q": "walrus"})

    assert not [query for query in captured.captured_queries if "INSTR" in query["sql"]]


def test_what_more_products_hold_than_are_looked_at_is_found_by_reading(shelf, monkeypatch):
    monkeypatch.setattr(search_index, "MOST", len(NAMES) - 1)

    assert sorted(found("oak")) == sorted(NAMES)
    assert found("tea oak") == ["Green tea", "Ｔｅａ “pot”"]


@pytest.mark.parametrize(("words", "name"), [("井茶", "龍井茶 tin"), ("책", "한국어 책")])
def test_a_word_that_is_too_short_for_the_index_is_found(shelf, words, name):
    assert found(words) == [name]


@pytest.mark.parametrize(
    "words", ['"tea" OR mug', "tea*", "text:tea", "NEAR(tea)", "tea NOT green", "^tea", "-tea", "tea\0"]
)
def test_no_word_is_a_command_to_the_index(shelf, words):
    assert set(found(words)) <= {"Green tea", "Ｔｅａ “pot”"}


def test_the_index_follows_what_becomes_of_a_product(add):
    tea = add("Green tea", sku="T")
    tea.name = "Black coffee"
    tea.save()
    assert (indexed("green"), indexed("coffee")) == ([], ["Black coffee"])

    Product.objects.bulk_create(
        [tea, Product(sku="U", name="White coffee", price=1)],
        update_conflicts=True, unique_fields=["id"], update_fields=["name", "search_key"],
    )  # fmt: skip
    assert sorted(indexed("coffee")) == ["Black coffee", "White coffee"]

    Product.objects.filter(sku="U").delete()
    assert indexed("white") == []


def test_products_that_were_there_before_the_index_are_in_it(shelf, editor, monkeypatch):
    migration.forget_parts(apps, editor)
    assert found("green") == ["Green tea"]

    monkeypatch.setattr(migration, "BATCH", 3)
    migration.index_parts(apps, editor)

    assert indexed("green") == ["Green tea"]
    assert sorted(indexed("oak")) == sorted(NAMES)


def test_an_index_that_was_cut_off_is_filled_to_the_end(shelf, editor, monkeypatch):
    migration.forget_parts(apps, editor)
    monkeypatch.setattr(migration, "BATCH", 3)
    migration.make_index(connection)
    migration.index_some(connection, after="")
    for product in shelf:
        product.description = "Of ash wood."
        product.save()

    migration.index_parts(apps, editor)

    assert (sorted(indexed("ash")), indexed("oak")) == (sorted(NAMES), [])
