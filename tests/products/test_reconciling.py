"""Counters, ledger and reservations agree, or it is said how they do not."""

import pytest

from products import reservations
from products.models import Movement, Product, Reservation, Stock
from products.reconciliation import find_drift
from products.reservations import RequestedLine

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_a_shop_at_work_has_no_drift(tea, cup, order_id):
    reservations.reserve(order_id, [RequestedLine(tea.pk, 2), RequestedLine(cup.pk, 1)])
    reservations.fulfil(order_id)
    reservations.take_back(order_id)

    assert list(find_drift()) == []


def test_a_counter_that_somebody_wrote_is_found(tea, cup):
    Stock.objects.filter(product=tea.pk).update(on_hand=12)

    assert list(find_drift()) == ["TEA has 12 on hand, but 10 by the ledger"]


def test_a_hold_without_a_ledger_is_found(tea):
    Stock.objects.filter(product=tea.pk).update(reserved=3)

    assert list(find_drift()) == [
        "TEA has 3 reserved, but 0 by the ledger",
        "TEA has 3 reserved, but 0 held for orders",
    ]


def test_a_movement_that_is_missing_is_found(tea, order_id):
    reservations.reserve(order_id, [RequestedLine(tea.pk, 2)])
    Movement.objects.filter(reservation=order_id).delete()

    assert list(find_drift()) == ["TEA has 2 reserved, but 0 by the ledger"]


def test_a_reservation_that_changed_alone_is_found(tea, order_id):
    reservations.reserve(order_id, [RequestedLine(tea.pk, 2)])
    Reservation.objects.update(state=Reservation.State.RELEASED)

    assert list(find_drift()) == ["TEA has 2 reserved, but 0 held for orders"]


def test_a_product_without_a_stock_row_is_found(cup):
    Movement.objects.filter(product=cup.pk).delete()
    Stock.objects.filter(product=cup.pk).delete()

    assert list(find_drift()) == ["CUP has no stock row"]


def test_it_is_one_query_however_many_products(add, django_assert_num_queries):
    for number in range(20):
        add(f"Scone {number}", on_hand=number)
    Product.objects.filter(sku="SCONE 3").update(active=False)

    with django_assert_num_queries(1):
        assert list(find_drift()) == []
