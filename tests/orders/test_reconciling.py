"""Products holds what the orders say, or it is said how it does not."""

import uuid
from decimal import Decimal

import pytest

from orders.checkout import Customer, OrderRequest, place_order
from orders.inventory import RequestedLine
from orders.models import Line, Order
from orders.reconciliation import find_drift

pytestmark = pytest.mark.django_db

ALICE = Customer("alice")


@pytest.fixture
def order(tea):
    """An order of two teas that is placed."""
    return place_order(OrderRequest(ALICE, [RequestedLine(tea, 2, Decimal("4.50"))])).details.order


def test_orders_of_every_kind_have_no_drift(alice, dave, tea, mug, place, act):
    place(alice, {tea: 1})
    act(alice, place(alice, {tea: 2}).json(), "cancel")
    place(alice, {mug: 100})
    shipped = place(alice, {tea: 1, mug: 1}).json()
    act(dave, shipped, "pay", reference="R")
    act(dave, shipped, "ship")

    assert list(find_drift()) == []


def test_a_placed_order_for_which_nothing_is_held_is_found(order, inventory):
    inventory.reservations.clear()

    assert list(find_drift()) == [f"order {order.pk} is placed, but products holds nothing for it"]


def test_stock_that_is_held_for_a_finished_order_is_found(order):
    Order.objects.update(status="cancelled")

    assert list(find_drift()) == [f"order {order.pk} is cancelled, but products holds something for it"]


def test_stock_that_is_held_for_nobody_is_found(inventory, tea):
    stranger = uuid.uuid4()
    inventory.reserve(stranger, [RequestedLine(tea, 1)])

    assert list(find_drift()) == [f"order {stranger} is unknown, but products holds something for it"]


def test_other_quantities_than_were_ordered_are_found(order):
    Line.objects.update(quantity=3)

    assert list(find_drift()) == [f"order {order.pk} has other lines than products holds for it"]


def test_what_is_under_way_is_no_drift(tea, order, inventory, begin):
    pending = begin(OrderRequest(ALICE, [RequestedLine(tea, 1)])).order
    inventory.reserve(pending.pk, [RequestedLine(tea, 1)])
    Order.objects.filter(pk=order.pk).update(status="cancelled", outbox="release")

    assert list(find_drift()) == []


def test_an_order_that_moves_while_it_is_looked_at_is_no_drift(order, inventory, monkeypatch):
    """Between what products says and what orders says, somebody cancels."""
    look = type(inventory).held

    def held(self):
        yield from list(look(self))
        inventory.release(order.pk)
        Order.objects.filter(pk=order.pk).update(status="cancelled", version=2)

    monkeypatch.setattr(type(inventory), "held", held)

    assert list(find_drift()) == []


def test_products_that_are_away_are_no_agreement(order, inventory, monkeypatch):
    from orders.inventory import InventoryUnavailable

    def held(self):
        raise InventoryUnavailable("Nobody is there.")

    monkeypatch.setattr(type(inventory), "held", held)

    assert list(find_drift()) == ["products could not be asked: Nobody is there."]
