"""How often an order waits for the disk of PostgreSQL: once, if all its transactions are in one database."""

import uuid
from decimal import Decimal

import pytest
from django.db import connection

from accounts.models import User
from orders import checkout, inventory
from orders.checkout import Customer, OrderRequest
from orders.inventory import RequestedLine
from products import catalogue, stock
from tests.orders.inventory import InMemoryInventory
from wire.events import SYSTEM

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]

WATCHED = ("orders_order", "products_reservation")
WATCH = """
CREATE TABLE flushes (id serial, at text, how text);
CREATE FUNCTION note_flush() RETURNS trigger AS $$
BEGIN
    INSERT INTO flushes (at, how) VALUES (TG_OP || ' ' || TG_TABLE_NAME, current_setting('synchronous_commit'));
    RETURN NULL;
END $$ LANGUAGE plpgsql;
"""


@pytest.fixture
def flushes():
    """What each transaction that writes an order or a reservation does at its end: wait for the disk, or not."""
    with connection.cursor() as cursor:
        cursor.execute(WATCH)
        for table in WATCHED:
            cursor.execute(
                f"CREATE TRIGGER note AFTER INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION note_flush()"
            )
    yield read_flushes
    with connection.cursor() as cursor:
        cursor.execute("DROP FUNCTION note_flush CASCADE; DROP TABLE flushes")


def read_flushes():
    with connection.cursor() as cursor:
        cursor.execute("SELECT at, how FROM flushes ORDER BY id")
        return cursor.fetchall()


@pytest.fixture
def tea():
    fields = {"sku": "T1", "name": "Tea", "price": Decimal("4.50"), "category": "Kitchen"}
    product = catalogue.create_product(fields, by=SYSTEM)
    stock.correct(product.pk, 5, reason="delivered", by=SYSTEM)
    return product.pk


def place(product, quantity=1):
    sub = User.objects.create_user("alice@example.com", "tessera-demo").sub
    request = OrderRequest(Customer(sub), [RequestedLine(product, quantity)], key=str(uuid.uuid4()))
    return checkout.place_order(request).details.order


def test_only_the_last_transaction_of_an_order_waits_for_the_disk(flushes, tea):
    place(tea)

    assert flushes() == [
        ("INSERT orders_order", "off"),
        ("INSERT products_reservation", "off"),
        ("UPDATE orders_order", "on"),
    ]


def test_an_order_is_refused_on_disk(flushes, tea):
    order = place(tea, quantity=6)

    assert (order.status, flushes()[-1]) == ("rejected", ("UPDATE orders_order", "on"))


def test_who_asks_another_database_waits_for_the_disk_before(flushes, monkeypatch):
    shelves = InMemoryInventory()
    monkeypatch.setattr(inventory, "get_inventory", lambda: shelves)

    place(shelves.add("tea"))

    assert flushes() == [("INSERT orders_order", "on"), ("UPDATE orders_order", "on")]


def test_behind_a_pooler_every_transaction_waits(flushes, tea, monkeypatch):
    """Its connections outlive the server, and could tell of what the server has forgotten."""
    monkeypatch.setitem(connection.settings_dict, "POOLER", "transaction")

    place(tea)

    assert {how for _, how in flushes()} == {"on"}


def test_a_release_waits_for_the_disk(flushes, tea):
    order = place(tea)

    inventory.get_inventory().release(order.pk)

    assert flushes()[-1] == ("UPDATE products_reservation", "on")
