"""A live shop is taken apart: a service's tables move to a database of their own, and nothing is lost."""

import shutil
import signal
import sqlite3
import threading
import time
import uuid
from contextlib import ExitStack, closing

import pytest
import requests

from tests.journeys import databases
from tests.journeys.processes import Process, free_port, manage
from tests.journeys.split.shapes import Customer, Shape, routing, working
from tokens.registry import services
from wire.demo import product_id

pytestmark = pytest.mark.slow

SENCHA, TWINE = str(product_id("TEA-004")), str(product_id("GAR-006"))
BUYERS = 6
QUIET = {"LOG_LEVEL": "WARNING", "SERVICES": ",".join(services())}


@pytest.fixture(params=databases.BOTH)
def fresh(request, tmp_path):
    """Make empty databases of one kind."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(databases.fresh(request.param, tmp_path))


@pytest.fixture
def empty(tmp_path):
    """The address of an empty database on PostgreSQL."""
    with databases.fresh("postgresql", tmp_path) as url:
        yield url


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The file of a whole shop with the demo in it."""
    path = tmp_path_factory.mktemp("whole") / "shop.sqlite3"
    own = {"DATABASE_URL": f"sqlite:///{path}"} | QUIET
    manage(own, "migrate", "--verbosity", "0")
    manage(own, "demo")
    execute(own["DATABASE_URL"], "PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.fixture
def shop(whole, tmp_path):
    """A whole shop of one's own, which only reads, on SQLite."""
    path = shutil.copy(whole, tmp_path)
    return {"DATABASE_URL": f"sqlite:///{path}", "READ_ONLY": "orders,accounts"} | QUIET


def execute(url, sql):
    """The rows of a statement, past Django, from whichever kind of database."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
            return connection.execute(sql).fetchall()

    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(url) as connection:
        cursor = connection.execute(sql)
        return cursor.fetchall() if cursor.description else []


@pytest.mark.postgresql
def test_orders_move_with_their_keys_events_and_debts(shop, empty):
    owing = "UPDATE orders_order SET owes = 'release' WHERE status = 'cancelled'"
    execute(shop["DATABASE_URL"], owing)

    told = manage(shop, "extract", "orders", "--to", empty)

    assert "The same in both: 7 tables" in told
    for table in ("order", "line", "event", "idempotencykey"):
        count = f"SELECT count(*) FROM orders_{table}"
        assert execute(empty, count) == execute(shop["DATABASE_URL"], count)
    what = "SELECT number, status, owes FROM orders_order ORDER BY number"
    assert execute(empty, what) == execute(shop["DATABASE_URL"], what)
    assert "0 orders placed" in manage({"SERVICES": "orders", "DATABASE_URL": empty}, "demo")


@pytest.mark.postgresql
def test_accounts_move_and_give_out_no_number_twice(shop, empty):
    last = execute(shop["DATABASE_URL"], "SELECT max(id) FROM accounts_event")[0][0]
    execute(shop["DATABASE_URL"], f"DELETE FROM accounts_event WHERE id = {last}")

    manage(shop, "extract", "accounts", "--to", empty)
    manage({"SERVICES": "accounts", "DATABASE_URL": empty}, "rotate_keys")

    assert execute(empty, f"SELECT min(id) FROM accounts_event WHERE id >= {last}") == [(last + 1,)]


@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("fault", "table"),
    [
        ("UPDATE orders_order SET customer_name = printf('%.300c', 'x')", "orders_order"),
        ("UPDATE orders_line SET quantity = 3000000000", "orders_line"),
    ],
    ids=["a longer text", "a greater number"],
)
def test_what_sqlite_took_and_postgresql_does_not_is_told(shop, empty, fault, table):
    execute(shop["DATABASE_URL"], fault)

    with pytest.raises(AssertionError, match=f"Nothing was copied, since the target does not take it: {table}: "):
        manage(shop, "extract", "orders", "--to", empty)

    assert execute(empty, "SELECT count(*) FROM orders_order") == [(0,)]


# While it is open -------------------------------------------------------------------------------


class Buyer(threading.Thread):
    """Places one order after the other, and asks with the same key until there is a final answer."""

    def __init__(self, customer: Customer) -> None:
        super().__init__(daemon=True)
        self.customer, self.answers, self.stop = customer, {}, threading.Event()

    def run(self) -> None:
        while not self.stop.is_set():
            key = str(uuid.uuid4())
            self.answers[key] = self.insist(key)
            time.sleep(0.05)

    def insist(self, key):
        """The final answer to an order; 503, 202 and no answer at all are none."""
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline:
            answer = self.try_once(key)
            if answer is not None and answer.status_code in (201, 409) and "in-use" not in answer.text:
                return answer.status_code, answer.json()
            time.sleep(0.1)
        return 0, answer.text if answer is not None else ""

    def try_once(self, key):
        try:
            return self.customer.order({SENCHA: 1} if int(key[0], 16) % 2 else {TWINE: 1}, key)
        except requests.RequestException:
            return None


class Walk:
    """The walk of docs/deploying.md, step by step."""

    def __init__(self, folder, stack):
        self.folder, self.stack = folder, stack
        self.port, self.shop_port = free_port(), free_port()
        self.url = f"http://localhost:{self.port}"
        self.ports = dict.fromkeys(services(), self.shop_port)
        self.secret = folder / "orders.client"
        self.databases = {"shop": f"sqlite:///{folder / 'shop.sqlite3'}"}
        self.workers = {}

    def own(self, database, **more):
        return QUIET | {"DATABASE_URL": self.databases[database], "ISSUER": self.url, "PROXIES": "1"} | more

    def open(self):
        """The monolith behind the gateway, with a client registered for orders."""
        own = self.own("shop")
        manage(own, "migrate", "--verbosity", "0")
        manage(own, "demo")
        rights = ["--scope", "stock:reserve", "--audience", "products", "--secret-file"]
        manage(own, "register_client", "orders", *rights, str(self.secret))
        self.shop = Process(own, self.folder / "shop.log", port=self.shop_port)
        self.stack.callback(self.shop.stop)
        self.work("shop", own)
        self.nginx = self.stack.enter_context(routing(self.folder / "gateway", self.port, self.ports))

    def restart(self, **more):
        """Restart the monolith's processes with another environment."""
        own = self.own("shop", **more)
        self.shop.stop()
        self.work("shop", own)
        self.shop.environment = own
        self.shop.start()

    def work(self, name, own):
        """Restart the worker of some processes."""
        if name in self.workers:
            self.workers.pop(name).close()
        self.workers[name] = ExitStack()
        self.workers[name].enter_context(working(own, self.folder / f"{name}-work.log"))
        self.stack.push(self.workers[name])

    def extract(self, service, target, **more):
        """Copy a service's tables while the shop only reads them; serve it by itself; send everybody there."""
        self.databases[service] = target
        told = manage(self.own("shop", READ_ONLY=service, **more), "extract", service, "--to", target)
        assert "The same in both" in told
        self.serve(service)

    def serve(self, service):
        """Serve a service by itself, from its own database; send everybody there."""
        client = {"CLIENT_ID": "orders", "CLIENT_SECRET_FILE": str(self.secret)} if service == "orders" else {}
        own = self.own(service, SERVICES=service, **client)
        process = Process(own, self.folder / f"{service}.log")
        self.stack.callback(process.stop)
        self.work(service, own)
        self.route(service, process.port)

    def route(self, service, port):
        """Have the gateway ask somebody else for a service, without dropping a request."""
        self.ports[service] = port
        configuration = self.folder / "gateway" / "tessera.conf"
        lines = configuration.read_text().splitlines()
        own = tuple(f"upstream {service}{pool} " for pool in ("", "_once"))
        old, new = f":{self.shop_port} ", f":{port} "
        assert sum(line.startswith(own) and old in line for line in lines) == len(own)
        lines = [line.replace(old, new) if line.startswith(own) else line for line in lines]
        configuration.write_text("\n".join(lines))
        self.nginx.send_signal(signal.SIGHUP)


def without(*gone):
    """The services that are left in the first process."""
    return ",".join(service for service in services() if service not in gone)


def test_a_shop_is_taken_apart_while_orders_are_placed(tmp_path, fresh, record_property):
    if not shutil.which("nginx"):
        pytest.skip("nginx is not installed")
    with ExitStack() as stack:
        walk = Walk(tmp_path, stack)
        walk.open()
        shape = Shape("walk", walk.url, {})
        buyers = [Buyer(shape.log_in("alice" if number % 2 else "bob")) for number in range(BUYERS)]
        for buyer in buyers:
            buyer.start()
        time.sleep(1)

        walk.restart(READ_ONLY="orders")
        walk.extract("orders", fresh())
        walk.restart(SERVICES=without("orders"))
        time.sleep(1)
        walk.restart(SERVICES=without("orders"), READ_ONLY="products")
        walk.extract("products", fresh(), SERVICES=without("orders"))
        walk.restart(SERVICES=without("orders", "products"))
        time.sleep(2)
        for buyer in buyers:
            buyer.stop.set()
        for buyer in buyers:
            buyer.join()

        check(walk, buyers, record_property)


def check(walk, buyers, record_property, also=frozenset()):
    """Every key has one order, every order its key, every placed order its stock."""
    answers = {key: answer for buyer in buyers for key, answer in buyer.answers.items()}
    statuses = [status for status, _ in answers.values()]
    placed = {body["id"] for status, body in answers.values() if status == 201}
    assert set(statuses) <= {201, 409}, [answer for answer in answers.values() if answer[0] not in (201, 409)]
    settled = "SELECT id FROM orders_order WHERE status <> 'pending'"
    keys = execute(
        walk.databases["orders"], f"SELECT key, order_id FROM orders_idempotencykey WHERE order_id IN ({settled})"
    )
    assert {key for key, _ in keys} == set(answers) | {*also}
    assert len({order for _, order in keys}) == len(answers) + len(also)
    assert {str(uuid.UUID(str(order))) for _, order in keys} >= placed
    held = execute(walk.databases["products"], "SELECT order_id FROM products_reservation WHERE state = 'held'")
    assert {str(uuid.UUID(str(order))) for (order,) in held} >= placed
    record_property("orders placed while the shop was taken apart", len(placed))
    for service in ("products", "orders"):
        client = {"CLIENT_ID": "orders", "CLIENT_SECRET_FILE": str(walk.secret)}
        manage(walk.own(service, SERVICES=service, **client), "reconcile")
