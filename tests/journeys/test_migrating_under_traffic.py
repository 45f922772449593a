"""Tables change while the shop serves: nobody sees an error that does not pass, and only who was writing sees one."""

import json
import threading
import time
import uuid
from collections import Counter

import pytest

from tests.journeys import clients, databases, shops

psycopg = pytest.importorskip("psycopg", reason="PostgreSQL: psycopg is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.postgresql]

PASSING = 0.6
"""Seconds of traffic before and after each change."""
TABLES = {
    "accounts_user": ("email", "is_active"),
    "accounts_session": ("client_id", "generation"),
    "products_product": ("name", "active"),
    "products_stock": (None, "on_hand"),
    "orders_order": ("customer_name", "status"),
    "orders_line": ("name", "quantity"),
}
"""Tables that every request reads or writes: a column of text, and one that is never null."""
ALTER = "ALTER TABLE {table} "
CHANGES = {
    "a column may hold more": [
        ALTER + "ALTER COLUMN {text} TYPE varchar(1000)",
        ALTER + "ALTER COLUMN {text} TYPE text",
    ],
    "a column may be null": [
        ALTER + "ALTER COLUMN {filled} DROP NOT NULL",
        ALTER + "ALTER COLUMN {filled} SET NOT NULL",
    ],
    "a new column": [ALTER + "ADD COLUMN new_empty integer NULL"],
    "a new column with a default": [
        ALTER + "ADD COLUMN new_full varchar(9) DEFAULT 'x' NOT NULL",
        ALTER + "ALTER COLUMN new_full DROP NOT NULL",
        ALTER + "ALTER COLUMN new_full DROP DEFAULT",
    ],
    "a new rule": [
        ALTER + "ADD CONSTRAINT new_rule CHECK ({filled} IS NOT NULL) NOT VALID",
        ALTER + "VALIDATE CONSTRAINT new_rule",
        ALTER + "DROP CONSTRAINT new_rule",
    ],
    "a new index": [
        "CREATE INDEX CONCURRENTLY {table}_new ON {table} ({filled})",
        "ANALYZE {table}",
        "DROP INDEX CONCURRENTLY {table}_new",
    ],
}
"""What a release may do to a table in use, and then some: a change of type is for a quiet hour, yet may be needed."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    with shops.opened("postgresql", tmp_path_factory.mktemp("shop"), workers=2) as shop:
        yield shop


class Traffic:
    """Customers and staff who go on asking, each over a connection of its own, until they are told to stop."""

    def __init__(self, shop, requests):
        self.shop, self.answers, self.over = shop, [], threading.Event()
        self.threads = [threading.Thread(target=self.go_on, args=[make]) for make in requests]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def go_on(self, make):
        connection = clients.connect(self.shop.url)
        while not self.over.is_set():
            request = make()
            answer = clients.ask(connection, request)
            self.answers.append((request["method"], answer["status"], answer["body"]))


def reading(shop, path, by):
    request = {"method": "GET", "path": path, "headers": shop.authorize(by), "body": ""}
    return lambda: request


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_under_traffic_costs_no_reader_an_answer_and_a_writer_one_retry(shop, change, stocked):
    product, order = stocked
    traffic = [
        reading(shop, "/api/accounts/me/", "alice"),
        reading(shop, "/api/products/", "alice"),
        reading(shop, f"/api/products/{product}/", "bob"),
        reading(shop, "/api/orders/", "alice"),
        reading(shop, f"/api/orders/{order}/", "alice"),
        lambda: shop.order({product: 1}, by="bob", key=str(uuid.uuid4())),
    ]
    with Traffic(shop, traffic) as going:
        time.sleep(PASSING)
        alter(shop, change)

    statuses = Counter((method, status) for method, status, _ in going.answers)
    wrong = [answer for answer in going.answers if answer[1] >= 500 and not is_passing(answer)]
    assert wrong == []
    assert statuses[("GET", 503)] == 0
    assert statuses[("GET", 200)] > 10
    assert statuses[("POST", 201)] > 0


def is_passing(answer):
    """A writer in a transaction is told to ask again."""
    method, status, body = answer
    return method == "POST" and status == 503 and json.loads(body)["code"] == "database-unavailable"


@pytest.fixture(scope="module")
def stocked(shop):
    [product] = shop.stock({"TRAFFIC": 100_000})
    [placed] = clients.run(shop.url, [shop.order({product: 1})], clients=1)
    return product, json.loads(placed["body"])["id"]


def alter(shop, statements):
    """Change each table, one after the other, as a migration does: it gives way rather than let others wait long."""
    address = databases.read_address(shop.environment["DATABASE_URL"])
    with psycopg.connect(**address, autocommit=True) as connection:
        connection.execute("SET lock_timeout = '5s'")
        for statement in statements:
            for table, (text, filled) in TABLES.items():
                if "{text}" not in statement or text:
                    connection.execute(statement.format(table=table, text=text, filled=filled))
            time.sleep(PASSING)
