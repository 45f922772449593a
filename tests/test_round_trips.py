"""How often a request waits for PostgreSQL, counted on the wire: what a network between the two costs is this."""

import threading
import time
from contextlib import contextmanager
from decimal import Decimal

import pytest
from django.db import OperationalError, connection
from rest_framework.test import APIClient

from accounts.models import User
from benchmarks.round_trips import counting
from database.deadlines import Places
from products import catalogue, stock
from tests.conftest import Person
from tests.test_costs import place
from wire.events import SYSTEM

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]


@pytest.fixture
def proxy():
    """Between this thread and its database."""
    own, direct = connection.settings_dict, connection.copy().settings_dict
    with counting((own["HOST"] or "127.0.0.1", int(own["PORT"] or 5432))) as proxy:
        connection.close()
        proxy.passed_by = connection.copy()
        own["HOST"], own["PORT"] = "127.0.0.1", proxy.port
        yield proxy
        connection.close()
        own["HOST"], own["PORT"] = direct["HOST"], direct["PORT"]


@pytest.fixture
def tea():
    fields = {"sku": "T1", "name": "Tea", "price": Decimal("4.50"), "category": "Kitchen"}
    product = catalogue.create_product(fields, by=SYSTEM)
    stock.correct(product.pk, 500, reason="delivered", by=SYSTEM)
    return product


@pytest.fixture
def person():
    user = User.objects.create_user("alice@example.com", "tessera-demo")
    return Person("alice", "account orders:read orders:write products:read", sub=user.sub)


def trips(proxy, ask, status=200, warm=12):
    """How often the last of some equal requests waited: those before it prepare the statements."""
    for _ in range(warm):
        before = proxy.trips
        answer = ask()
        assert answer.status_code == status, answer.content
    return proxy.trips - before


def test_a_list_waits_once(proxy, person, tea):
    assert trips(proxy, lambda: person.get("/api/products/")) == 1


def test_a_product_waits_once(proxy, person, tea):
    assert trips(proxy, lambda: person.get(f"/api/products/{tea.pk}/")) == 1


def test_an_order_waits_six_times(proxy, person, tea):
    assert trips(proxy, lambda: place(person, tea), status=201, warm=9) == 6


DELAY = 0.4


def test_stock_is_locked_for_no_wait_of_an_order(proxy, person, tea):
    """As many of one product can be ordered in a second as its row can be locked one after the other."""
    for _ in range(9):
        place(person, tea)
    proxy.delay = DELAY

    with watching(tea.pk, proxy.passed_by) as looks:
        began = time.monotonic()
        assert place(person, tea).status_code == 201
        took = time.monotonic() - began

    locked = took * looks.count(True) / len(looks)
    assert took > 6 * DELAY
    assert locked < DELAY / 2, f"{locked:.3f} s of {took:.3f} s"


@contextmanager
def watching(product, past_proxy):
    """Whether somebody had the stock of a product locked, looked at again and again as long as the block lasts."""
    looks, is_over = [], threading.Event()

    def look():
        past_proxy.inc_thread_sharing()
        with past_proxy.cursor() as cursor:
            while not is_over.is_set():
                looks.append(is_locked(cursor, product))
                time.sleep(0.002)
        past_proxy.close()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield looks
    finally:
        is_over.set()
        thread.join()


def is_locked(cursor, product):
    try:
        cursor.execute("SELECT 1 FROM products_stock WHERE product_id = %s FOR SHARE NOWAIT", [product])
    except OperationalError:
        return True
    return False


def test_a_log_in_waits_four_times(proxy, person, anonymous):
    body = {"email": "alice@example.com", "password": "tessera-demo"}

    assert trips(proxy, lambda: anonymous.post("/api/token/", body)) == 4


def test_a_refresh_waits_twice(proxy, person, anonymous):
    answer = anonymous.post("/api/token/", {"email": "alice@example.com", "password": "tessera-demo"})

    def refresh():
        nonlocal answer
        answer = anonymous.post("/api/token/refresh/", {"refresh": answer.json()["refresh"]})
        return answer

    assert trips(proxy, refresh) == 2


def test_who_waits_for_a_row_takes_no_place_from_who_has_it(proxy, person, anonymous, at_once, monkeypatch):
    body = {"email": "alice@example.com", "password": "tessera-demo"}
    refresh = anonymous.post("/api/token/", body).json()["refresh"]
    monkeypatch.setattr("database.postgresql.base.places", Places(4))
    proxy.delay = 0.002

    answers = at_once(16, lambda _: APIClient().post("/api/token/refresh/", {"refresh": refresh}))

    assert {answer.status_code for answer in answers} == {200}


def test_a_server_that_takes_no_writes_is_told_as_such_from_afar(proxy, person, anonymous, monkeypatch):
    body = {"email": "alice@example.com", "password": "tessera-demo"}
    refresh = anonymous.post("/api/token/", body).json()["refresh"]
    told = []
    monkeypatch.setattr("database.postgresql.base.note_refusal", told.append)
    connection.cursor().execute("SET default_transaction_read_only = on")
    proxy.delay = 0.003

    answer = anonymous.post("/api/token/refresh/", {"refresh": refresh})

    assert answer.status_code == 503
    assert told
