"""Whoever comes at the same time, stock is held once and never oversold."""

from collections import Counter
from functools import partial
from uuid import uuid4

import pytest

from products import catalogue, reservations, stock
from products.csv_files.importing import Import, OnExisting, import_products
from products.models import Product, Reservation
from products.reservations import RequestedLine
from wire.events import SYSTEM

pytestmark = pytest.mark.database


@pytest.fixture(autouse=True)
def _shared(database):
    """The shelf is filled in the database that the threads share."""


def test_the_last_units_are_sold_once(at_once, cup, counters):
    calls = [partial(reservations.reserve, uuid4(), [RequestedLine(cup.pk, 1)]) for _ in range(8)]

    results = at_once(*calls)

    assert results.count(reservations.OutOfStock) == 5
    assert counters(cup) == (3, 3)


def test_one_order_reserved_eight_times_at_once_holds_once(at_once, tea, order_id, counters):
    results = at_once(*[partial(reservations.reserve, order_id, [RequestedLine(tea.pk, 2)])] * 8)

    assert all(result == results[0] for result in results)
    assert counters(tea) == (10, 2)


def test_orders_of_the_same_products_in_other_orders_do_not_lock_each_other_out(at_once, add, counters):
    products = [add(name, on_hand=100) for name in ("Ash", "Elm", "Fir", "Oak")]
    lines = [RequestedLine(product.pk, 1) for product in products]

    results = at_once(
        *[partial(reservations.reserve, uuid4(), lines[:: 1 if even else -1]) for even in (True, False) * 5]
    )

    assert all(isinstance(result, list) for result in results)
    assert [counters(product) for product in products] == [(100, 10)] * 4


def test_a_release_that_races_its_reserve_leaves_nothing_held(at_once, tea, counters):
    orders = [uuid4() for _ in range(5)]
    reserves = [partial(reservations.reserve, order_id, [RequestedLine(tea.pk, 1)]) for order_id in orders]
    releases = [partial(reservations.release, order_id) for order_id in orders]

    results = at_once(*reserves, *releases)

    assert results[5:] == [None] * 5
    assert counters(tea) == (10, 0)
    assert set(Reservation.objects.values_list("state", flat=True)) == {"released"}


def test_fulfilment_and_release_at_once_have_one_winner(at_once, tea, counters):
    orders = [uuid4() for _ in range(4)]
    for order_id in orders:
        reservations.reserve(order_id, [RequestedLine(tea.pk, 1)])

    calls = [partial(verb, order_id) for order_id in orders for verb in (reservations.fulfil, reservations.release)]
    results = at_once(*calls)

    fulfilled = Counter(Reservation.objects.values_list("state", flat=True))["fulfilled"]
    assert results.count(reservations.HandedOver) == fulfilled
    assert results.count(reservations.Gone) == 4 - fulfilled
    assert counters(tea) == (10 - fulfilled, 0)


def test_corrections_at_once_all_count(at_once, tea, counters):
    at_once(*[partial(stock.correct, tea.pk, 1, reason="found", by=SYSTEM)] * 8)

    assert counters(tea) == (18, 0)


def test_changes_at_once_of_one_version_have_one_winner(at_once, tea):
    changes = [
        partial(catalogue.change_product, tea.pk, {"name": f"Tea {n}"}, by=SYSTEM, versions={1}) for n in range(4)
    ]

    results = at_once(*changes)

    assert sum(isinstance(result, Product) for result in results) == 1
    assert Product.objects.get(pk=tea.pk).version == 2


def test_imports_at_once_make_one_catalogue(at_once, order_id, tea, tmp_path, counters):
    file = tmp_path / "products.csv"
    file.write_text(
        "sku,name,price,on_hand\n" + "".join(f"S{n},Thing {n},1.00,5\n" for n in range(300)) + "TEA,Tea,5,9\n"
    )
    load = partial(import_products, Import(file, on_existing=OnExisting.SET))

    reports = at_once(load, load, partial(reservations.reserve, order_id, [RequestedLine(tea.pk, 2)]))[:2]

    assert sorted(report.created + report.unchanged + report.changed for report in reports) == [301, 301]
    assert (Product.objects.count(), sum(report.created for report in reports)) == (301, 300)
    assert counters(tea) == (9, 2)
