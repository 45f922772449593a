"""Where products only reads, orders next door may not write past it: its orders wait, as they would over HTTP."""

import uuid

import pytest
from django.conf import settings as deployed

if "products" not in deployed.SERVICES:
    pytest.skip("the seam needs products", allow_module_level=True)

from config.local_inventory import LocalInventory
from orders.inventory import InventoryUnavailable, RequestedLine
from products.models import Movement, Product, Reservation, Stock

pytestmark = pytest.mark.django_db(transaction=True)


def test_nothing_is_held_or_let_go_while_products_only_reads(settings):
    settings.READ_ONLY = ["products"]
    tea = Product.objects.create(sku="tea", name="Tea", price="4.50", currency="EUR")
    Stock.objects.filter(product=tea).update(on_hand=10)
    inventory, order = LocalInventory(), uuid.uuid4()

    for verb in (inventory.release, inventory.fulfil, inventory.take_back):
        with pytest.raises(InventoryUnavailable):
            verb(order)
    with pytest.raises(InventoryUnavailable):
        inventory.reserve(order, [RequestedLine(tea.pk, 1)])

    assert not Reservation.objects.exists()
    assert not Movement.objects.exists()
    assert Stock.objects.values_list("on_hand", "reserved").get() == (10, 0)
