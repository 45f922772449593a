"""A service works for a neighbour no longer than the neighbour waits."""

import pytest

from tests.journeys import clients, databases
from tests.journeys.processes import manage, serving
from tests.journeys.shops import Shop
from tests.journeys.split.shapes import await_true

psycopg = pytest.importorskip("psycopg", reason="PostgreSQL: psycopg is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.postgresql]

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
PATIENCE = "2"
"""Seconds: enough for a busy machine to write an order down."""


def test_what_its_caller_gave_up_ends_in_the_database(tmp_path):
    with databases.fresh("postgresql", tmp_path) as url:
        environment = {"DATABASE_URL": url, "LOG_LEVEL": "ERROR", "REQUEST_SECONDS": "3600"}
        manage(environment, "migrate", "--verbosity", "0")
        manage(environment, "demo")
        with serving(environment, tmp_path / "server.log") as process:
            shop = Shop(environment, process, tmp_path)
            [product] = shop.stock({"TEA": 10})
            with psycopg.connect(**databases.read_address(url)) as locking:
                locking.execute("SELECT 1 FROM products_product JOIN products_stock ON true FOR UPDATE")

                ordered = ask(shop, shop.order({product: 1}))
                changed = ask(shop, rename(shop, product))
                # The row is still locked. On a busy machine a cancellation may be lost, and the server sees it later.
                await_true(lambda: count_waiting(url) == 0, "nothing waits in the database", 10)

    # An order is written down before products is asked, so it is settled later.
    assert (ordered["status"], changed["status"]) == (202, 503)


def count_waiting(url):
    with psycopg.connect(**databases.read_address(url)) as connection:
        return connection.execute(WAITING).fetchone()[0]


def ask(shop, request):
    request["headers"] |= {"X-Request-Timeout": PATIENCE}
    return clients.ask(clients.connect(shop.url), request)


def rename(shop, product):
    headers, body = shop.authorize("carol"), {"name": "Green tea"}
    return {"method": "PATCH", "path": f"/api/products/{product}/", "headers": headers, "body": body}
