"""A shop with tea and mugs, whose stock lives in memory."""

import time
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from orders import abandoned
from orders.checkout import draft_order, merge_lines
from orders.inventory import get_inventory
from orders.models import IdempotencyKey, Order
from orders.order_details import insert_order


@pytest.fixture(autouse=True)
def inventory(settings):
    """Each test has an inventory of its own."""
    settings.INVENTORY = "tests.orders.inventory.InMemoryInventory"
    get_inventory.cache_clear()
    yield get_inventory()
    get_inventory.cache_clear()


@pytest.fixture(autouse=True)
def wait_for_abandoned():
    """Wait for the thread that frees orders whose placing ended in an error, before the database goes."""

    def wait():
        while abandoned.left._is_running:
            time.sleep(0.01)

    yield wait
    wait()


@pytest.fixture
def tea(inventory):
    return inventory.add("tea", on_hand=10, price="4.50")


@pytest.fixture
def mug(inventory):
    return inventory.add("mug", on_hand=3, price="9.80")


@pytest.fixture
def place():
    """Have somebody order something over the API: `place(alice, {tea: 2}, key="...")`."""

    def post(person, quantities, *, key=None, **fields):
        lines = [{"product": str(product), "quantity": units} for product, units in quantities.items()]
        key = key or f'"{uuid.uuid4()}"'
        return person.post("/api/orders/", {"lines": lines, **fields}, headers={"Idempotency-Key": key})

    return post


@pytest.fixture
def act():
    """Have somebody act on an order: `act(dave, order, "ship")`."""

    def post(person, order, action, headers=None, **body):
        return person.post(f"/api/orders/{order['id']}/{action}/", body, headers=headers)

    return post


@pytest.fixture
def return_unheard(alice, dave, tea, place, act, inventory):
    """Have an order of so many teas paid, and shipped, delivered and returned while products is away."""

    def walk(units):
        order = place(alice, {tea: units}).json()
        act(dave, order, "pay", reference="P-1")
        inventory.down = True
        for action in ("ship", "deliver", "return"):
            act(dave, order, action)
        inventory.down = False

    return walk


@pytest.fixture
def begin():
    """Write an order down as whoever dies right after that: `begin(OrderRequest(...))`."""

    def insert(request):
        order, lines = draft_order(request), merge_lines(request.lines)
        return insert_order(order, lines, by=request.customer)

    return insert


@pytest.fixture
def later():
    """Make an order look as if it had been opened, or placed, a while ago; its lease has run out."""

    def shift(order_id, **ago):
        then = timezone.now() - timedelta(**ago)
        order = Order.objects.filter(pk=order_id)
        order.update(created_at=then, lease_until=then + timedelta(seconds=30))
        order.filter(placed_at__isnull=False).update(placed_at=then)
        IdempotencyKey.objects.filter(order=order_id).update(created_at=then)

    return shift
