"""Amounts are exact to the last digit, however large an order is, on every database."""

import csv
from decimal import Decimal

import pytest
from django.apps import apps
from django.db import models

from database.csv_writing import write_csv
from orders.csv_export import export_orders
from orders.models import Order
from tokens.registry import services
from wire.money import MAX_DIGITS

pytestmark = [pytest.mark.django_db, pytest.mark.database]

EXACT_ON_SQLITE = 15
"""Digits of a decimal that SQLite keeps (IEEE 754 binary64)."""


@pytest.fixture(autouse=True)
def unlimited(settings):
    """Nobody's unpaid units are counted."""
    settings.UNPAID_UNITS = 10**9


@pytest.fixture
def large(alice, dave, inventory, place):
    """Two lines of 10^13, one of them with 11 cents more."""
    gold = inventory.add("gold", on_hand=10_000, price="1000000000")
    salt = inventory.add("salt", on_hand=10_000, price="999999999.99")
    grain = inventory.add("grain", on_hand=1, price="100.11")
    return place(alice, {gold: 10_000, salt: 10_000, grain: 1}).json()


TOTAL = "20000000000000.11"


def test_a_large_order_is_read_as_it_was_placed(alice, large):
    assert large["total"] == TOTAL
    assert alice.get(f"/api/orders/{large['id']}/").json()["total"] == TOTAL
    assert alice.get("/api/orders/").json()["results"][0]["total"] == TOTAL


def test_pages_admin_and_export_say_the_same(alice, dave, large, tmp_path):
    write_csv(tmp_path / "orders.csv", export_orders())

    with (tmp_path / "orders.csv").open(newline="") as file:
        assert {row["total"] for row in csv.DictReader(file)} == {TOTAL}
    assert TOTAL in alice.browser.get("/orders/").content.decode()
    assert TOTAL in alice.browser.get(f"/orders/{large['id']}/").content.decode()
    assert TOTAL in dave.browser.get("/admin/orders/order/").content.decode()


@pytest.mark.parametrize(
    ("price", "currency", "quantity", "total"),
    [
        ("999999999.999", "KWD", 10_000, "9999999999990.000"),
        ("1000000000", "JPY", 10_000, "10000000000000"),
        ("0.01", "EUR", 1, "0.01"),
        ("123456789.01", "EUR", 9_999, "1234444433310.99"),
    ],
)
def test_any_price_times_any_quantity_is_exact(alice, inventory, place, price, currency, quantity, total):
    product = inventory.add("thing", on_hand=quantity, price=price, currency=currency)
    order = place(alice, {product: quantity}).json()

    read = alice.get(f"/api/orders/{order['id']}/").json()

    assert Decimal(price) * quantity == Decimal(total)
    assert (order["total"], read["total"], read["lines"][0]["unit_price"]) == (total, total, price)


def test_every_other_column_of_money_is_small_enough_to_be_kept_exactly():
    """Whoever adds a larger one has to say how it is read."""
    columns = [
        column
        for service in services()
        if apps.is_installed(service)
        for model in apps.get_app_config(service).get_models()
        for column in model._meta.concrete_fields
        if isinstance(column, models.DecimalField)
    ]

    large = [column for column in columns if column.max_digits > EXACT_ON_SQLITE]

    assert MAX_DIGITS <= EXACT_ON_SQLITE
    assert large == [Order._meta.get_field("total")]
