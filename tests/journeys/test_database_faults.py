"""A database that takes no writes, changes places or falls silent: it is told, and heals without a restart."""

import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("psycopg", reason="PostgreSQL: psycopg is not installed")
pytest.importorskip("psutil", reason="psutil is not installed")

from tests.journeys import clients, clusters
from tests.journeys.processes import manage, serving
from tests.journeys.shops import Shop
from tests.journeys.split.shapes import await_true

pytestmark = [pytest.mark.slow, pytest.mark.postgresql]


@pytest.fixture
def room():
    with clusters.room() as folder:
        yield folder


@pytest.fixture
def primary(room):
    with clusters.started(room / "primary") as cluster:
        cluster.run(f"CREATE DATABASE {clusters.NAME}")
        yield cluster


@pytest.fixture
def open_shop(tmp_path):
    """A shop on some clusters, of which one takes writes."""
    opened = []

    def open_shop(*found):
        hosts = ",".join(cluster.folder for cluster in found)
        url = f"postgres://postgres@/{clusters.NAME}?host={hosts}&target_session_attrs=read-write"
        environment = {"DATABASE_URL": url if len(found) > 1 else url.partition("&")[0], "LOG_LEVEL": "ERROR"}
        environment |= {"DATABASE_THREADS": "6", "REQUEST_SECONDS": "5"}
        manage(environment, "migrate", "--verbosity", "0")
        manage(environment, "demo")
        opened.append(serving(environment, tmp_path / "server.log", threads=8))
        return Shop(environment, opened[0].__enter__(), tmp_path)

    yield open_shop
    for server in opened:
        server.__exit__(None, None, None)


def place(shop, product):
    [answer] = clients.run(shop.url, [shop.order({product: 1}, key=str(uuid.uuid4()))], clients=1)
    return answer["status"]


def read_state(shop):
    return shop.ask("GET", "/readyz")["status"]


def test_a_primary_that_takes_no_writes_is_told_and_heals(primary, open_shop):
    shop = open_shop(primary)
    [product] = shop.stock({"TEA": 1000})
    before = {place(shop, product) for _ in range(10)}

    primary.demote()
    await_true(lambda: read_state(shop) == "reads only", "it says so", 5)
    refused = {place(shop, product) for _ in range(20)}
    read = shop.ask("GET", "/api/orders/", by="alice")["results"]
    primary.restore()
    await_true(lambda: place(shop, product) == 201, "orders are placed again", 10)

    assert (before, refused) == ({201}, {503})
    assert len(read) >= 10
    assert shop.reconcile() == "orders: nothing differs\nproducts: nothing differs\n"


def test_a_standby_that_is_promoted_is_found(primary, open_shop, room):
    with primary.standby(room / "standby") as standby:
        shop = open_shop(primary, standby)
        [product] = shop.stock({"TEA": 1000})
        before = {place(shop, product) for _ in range(10)}

        primary.demote()
        standby.run("SELECT pg_promote()")
        await_true(lambda: {place(shop, product) for _ in range(10)} == {201}, "orders are placed again", 20)

        assert before == {201}
        await_true(lambda: read_state(shop) == "ready", "the last refusal is forgotten", 60)
        assert shop.reconcile() == "orders: nothing differs\nproducts: nothing differs\n"


def test_a_silent_database_leaves_a_process_that_says_it_is_alive(primary, open_shop):
    shop = open_shop(primary)
    [product] = shop.stock({"TEA": 1000})
    reading = {"method": "GET", "path": "/api/products/", "headers": shop.authorize("alice"), "body": ""}
    assert {answer["status"] for answer in clients.run(shop.url, [reading] * 64, clients=8)} == {200}

    with primary.paused(), ThreadPoolExecutor(64) as customers:
        asked = [customers.submit(ask_once, shop.url, reading) for _ in range(64)]
        time.sleep(1)
        alive = [shop.ask("GET", "/healthz")["status"] for _ in range(20)]
        answers = [future.result() for future in asked]

    await_true(lambda: place(shop, product) == 201, "orders are placed again", 10)
    assert alive == ["alive"] * 20
    assert {answer["status"] for answer in answers} == {503}
    assert {json.loads(answer["body"])["code"] for answer in answers} == {"database-unavailable"}


def ask_once(url, request):
    return clients.ask(clients.connect(url), request)
