"""A pooler in transaction mode between the shop and PostgreSQL: each transaction may meet another session."""

import os
import shutil
from collections import Counter

import pytest

pytest.importorskip("psycopg", reason="PostgreSQL: psycopg is not installed")
pytest.importorskip("psutil", reason="psutil is not installed")

import psycopg

from tests.journeys import clients, clusters, databases
from tests.journeys.processes import free_port, manage, run_manage, serving
from tests.journeys.shops import Shop
from tests.journeys.split.shapes import await_true, running, working

pytestmark = [pytest.mark.slow, pytest.mark.postgresql]

SESSIONS = 2
"""Sessions of PostgreSQL, for every thread and command of the shop."""
PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH')}:/usr/sbin")


@pytest.fixture
def database(tmp_path):
    """Past the pooler."""
    with databases.fresh("postgresql", tmp_path) as url:
        yield url


@pytest.fixture
def pooled(database):
    """As `database`, by the pooler."""
    if not PGBOUNCER:
        pytest.skip("pgbouncer is not installed")
    port, server = free_port(), databases.read_address(database)
    with clusters.room() as folder:
        pool = f"pool_mode = transaction\ndefault_pool_size = {SESSIONS}\nmax_client_conn = 200"
        own = f"listen_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\nunix_socket_dir =\n{pool}"
        target = " ".join(f"{name}='{value}'" for name, value in server.items() if name != "dbname")
        (folder / "pgbouncer.ini").write_text(f"[databases]\n* = {target}\n[pgbouncer]\n{own}\n")
        as_nobody = [] if os.geteuid() else ["-u", "nobody"]
        with running([PGBOUNCER, *as_nobody, str(folder / "pgbouncer.ini")], folder / "pgbouncer.log"):
            url = f"postgres://{server['user']}@127.0.0.1:{port}/{server['dbname']}"
            await_true(lambda: accepts(url), "the pooler takes connections")
            yield url


def accepts(url):
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture
def shop(pooled, tmp_path):
    environment = {"DATABASE_URL": f"{pooled}?pooler=transaction", "LOG_LEVEL": "WARNING"}
    manage(environment, "migrate", "--verbosity", "0")
    manage(environment, "demo")
    with serving(environment, tmp_path / "server.log") as process, working(environment, tmp_path / "work.log"):
        yield Shop(environment, process, tmp_path)


def ask(url, query):
    with psycopg.connect(**databases.read_address(url)) as connection:
        return [value for (value,) in connection.execute(query).fetchall()]


def run(shop, requested):
    answers = clients.run(shop.url, requested, clients=16, patience=30)
    return answers, Counter(answer["status"] for answer in answers)


def test_a_shop_goes_on_as_without_a_pooler(shop, database):
    tea, mug = shop.stock({"TEA": 100, "MUG": 100})

    answers, placed = run(shop, [shop.order({tea: 1, mug: 1}) for _ in range(80)])
    orders = [answer["headers"]["location"].split("/")[-2] for answer in answers]
    _, paid = run(shop, [shop.act(order, "pay", reference=f"bank {order[:8]}") for order in orders[:50]])
    _, shipped = run(shop, [shop.act(order, "ship") for order in orders[:50]])
    _, cancelled = run(shop, [shop.act(order, "cancel") for order in orders[50:]])

    assert [placed, paid, shipped, cancelled] == [{201: 80}, {200: 50}, {200: 50}, {200: 30}]
    # A call to products for which there was no time is made later.
    assert "0 stuck, 0 left" in manage(shop.environment, "settle_orders")
    assert [shop.counters(product) for product in (tea, mug)] == [(50, 0)] * 2
    exported = manage(shop.environment, "export_orders", "-")
    assert [exported.count(order) for order in orders] == [2] * 80
    await_true(lambda: {"settle", "expire"} <= {*ask(database, "SELECT job FROM orders_lease")}, "jobs have run")
    assert shop.reconcile() == "orders: nothing differs\nproducts: nothing differs\n"
    [sessions] = ask(database, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
    assert sessions <= SESSIONS + 1
    assert "Traceback" not in (shop.folder / "server.log").read_text() + (shop.folder / "work.log").read_text()


def test_a_pooler_that_is_not_named_stops_the_start(pooled):
    done = run_manage({"DATABASE_URL": pooled}, "migrate")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "The database cannot be used: A pooler stands in between: add pooler=transaction, or pooler=session, to "
        "DATABASE_URL\n"
    )
