"""Who may change stock: not all threads, not all for one product, and nobody for long."""

import threading
import time
import uuid
from contextlib import ExitStack

import pytest
from django.db import connection, transaction

from database.deadlines import deadline
from products import stock_turns
from products.models import Product, Stock
from products.stock_turns import StockBusy, stock_turn

TEA, MUG = uuid.uuid4(), uuid.uuid4()


def test_one_product_never_takes_all_turns():
    with ExitStack() as stack:
        for _ in range(stock_turns.at_once // 2):
            stack.enter_context(stock_turn("reserve", [TEA]))

        with pytest.raises(StockBusy), stock_turn("reserve", [TEA, MUG]):
            pass
        with stock_turn("reserve", [MUG]), stock_turn("release"):
            pass


def test_what_goes_wrong_within_is_not_taken_for_busy():
    with pytest.raises(ZeroDivisionError), stock_turn("reserve", [TEA]):
        1 / 0  # noqa: B018


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_locked_row_is_told_before_the_caller_gives_up(monkeypatch):
    monkeypatch.setattr(stock_turns, "PROBE", 20)
    product = Product.objects.create(sku="tea", name="Tea", price="4.50")
    locked, done = threading.Event(), threading.Event()
    thread = threading.Thread(target=lock, args=[product, locked, done])
    thread.start()
    assert locked.wait(30)
    started = time.monotonic()

    with pytest.raises(StockBusy), deadline(3), stock_turn("reserve", [product.pk]):
        Stock.objects.filter(pk=product.pk).update(on_hand=1)

    assert 1.2 < time.monotonic() - started < 3
    done.set()
    thread.join()
    with deadline(30), stock_turn("reserve", [product.pk]):
        assert Stock.objects.filter(pk=product.pk).update(on_hand=1) == 1


def lock(product, locked, done):
    with transaction.atomic():
        Stock.objects.select_for_update().get(pk=product.pk)
        locked.set()
        done.wait(30)
    connection.close()
