"""The demo fills a shop once, whatever was away meanwhile, and changes nothing after that."""

from io import StringIO

import pytest
from django.conf import settings as deployed
from django.core.management import call_command

from orders.inventory import get_inventory
from orders.lifecycle import TARGETS
from tokens.scopes import SERVICES

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(sorted(SERVICES) != deployed.SERVICES, reason="needs all services in one process"),
]

STATUSES = ["cancelled", "delivered", "paid", "placed", "shipped"]


@pytest.fixture(autouse=True)
def next_door():
    get_inventory.cache_clear()
    yield
    get_inventory.cache_clear()


@pytest.fixture
def seed():
    from orders import demo as orders
    from products import demo as products

    products.add_demo()
    return orders.add_demo


def orders():
    from orders.models import Order

    return Order.objects


def statuses():
    return sorted(orders().values_list("status", flat=True))


def test_a_second_run_changes_nothing(seed):
    first = seed()
    versions = list(orders().order_by("pk").values_list("pk", "version"))

    assert (first, statuses()) == ("5 orders placed", STATUSES)
    assert seed() == "0 orders placed"
    assert list(orders().order_by("pk").values_list("pk", "version")) == versions


def test_what_products_did_not_answer_for_is_completed_by_a_later_run(seed, settings):
    settings.READ_ONLY = ["products"]
    first, pending = seed(), statuses()
    settings.READ_ONLY = []

    assert (first, pending) == ("0 orders placed", ["pending"] * 5)
    assert (seed(), statuses()) == ("5 orders placed", STATUSES)


def test_an_order_that_is_missing_is_placed_and_others_are_left_alone(seed):
    seed()
    orders().get(status="placed").delete()
    orders().filter(status="paid").update(status=TARGETS["ship"])

    assert seed() == "1 orders placed"
    assert statuses() == ["cancelled", "delivered", "placed", "shipped", "shipped"]


def test_a_service_that_only_reads_is_not_filled_and_the_others_are(settings):
    settings.READ_ONLY, out = ["orders"], StringIO()

    call_command("demo", stdout=out)

    assert "products: 60 products added" in out.getvalue()
    assert "orders: nothing added, since it only reads for now (READ_ONLY)" in out.getvalue()
    assert orders().count() == 0


def test_staff_see_what_is_low(seed):
    from products.models import Product

    assert sorted(Product.objects.low().values_list("name", flat=True)) == ["Bird Feeder", "Desk Lamp"]
