"""What is on the shelf, in a test."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from threading import Barrier

import pytest
from django.db import connection
from django.db.models import Sum

from products import catalogue, stock
from products.models import Movement, Stock
from products.problems import PROBLEMS
from wire.events import SYSTEM


@pytest.fixture
def add(db):
    """Put a product on the shelf, by its name: `add("Tea", price="4.50", on_hand=10)`."""

    def add(name, *, price="4.50", on_hand=0, **fields):
        fields = {"sku": name.upper(), "name": name, "price": Decimal(price)} | fields
        product = catalogue.create_product(fields, by=SYSTEM)
        if on_hand:
            stock.correct(product.pk, on_hand, reason="delivered", by=SYSTEM)
        return product

    return add


@pytest.fixture
def tea(add):
    return add("Tea", on_hand=10, category="Drinks", description="Black.")


@pytest.fixture
def cup(add):
    return add("Cup", price="12.00", on_hand=3, category="Kitchen")


@pytest.fixture
def order_id():
    return uuid.uuid4()


@pytest.fixture
def counters():
    """The counters of a product, after a look at the ledger, which must say the same."""

    def counters(product):
        row = Stock.objects.get(pk=product.pk)
        ledger = Movement.objects.filter(product=product).aggregate(on_hand=Sum("on_hand"), reserved=Sum("reserved"))
        assert (ledger["on_hand"] or 0, ledger["reserved"] or 0) == (row.on_hand, row.reserved)
        return row.on_hand, row.reserved

    return counters


@pytest.fixture
def at_once(database):
    """Run each of some calls in a thread of its own, all at once; the class or value each came to."""

    def attempt(barrier, call):
        barrier.wait()
        try:
            return call()
        except tuple(PROBLEMS) as error:
            return type(error)
        finally:
            connection.close()

    def at_once(*calls):
        barrier = Barrier(len(calls))
        with ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(partial(attempt, barrier), calls))

    return at_once
