"""A live shop moves from SQLite to PostgreSQL, all services at once: to one database, or each to its own."""

import shutil
import time
from contextlib import ExitStack

import pytest

from tests.issuer import read
from tests.journeys import databases
from tests.journeys.processes import manage
from tests.journeys.split.shapes import Shape, await_true
from tests.journeys.split.test_extraction import BUYERS, SENCHA, TWINE, Buyer, Walk, check, execute
from tokens.registry import by_calls, services

pytestmark = [pytest.mark.slow, pytest.mark.postgresql]

EVERY = ",".join(services())
TOLD = {
    "stock": ("products", "SELECT sum(on_hand) - sum(reserved), count(*) FROM products_stock"),
    "keys": ("accounts", "SELECT kid, state FROM accounts_signingkey ORDER BY kid"),
    "mails": ("accounts", "SELECT kind, state FROM accounts_mail ORDER BY written_at"),
    "people": ("accounts", "SELECT email, password FROM accounts_user ORDER BY email"),
    "entries": ("accounts", "SELECT max(id), count(revoked_at) FROM accounts_tokenstatus"),
    "orders": ("orders", "SELECT number, status, owes, version FROM orders_order ORDER BY number"),
    "answers": ("orders", "SELECT key, fingerprint FROM orders_idempotencykey ORDER BY key"),
}
"""What must be the same before and after."""


@pytest.fixture
def empty(tmp_path):
    """Make empty databases on PostgreSQL."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(databases.fresh("postgresql", tmp_path))


@pytest.fixture
def walk(tmp_path):
    if not shutil.which("nginx"):
        pytest.skip("nginx is not installed")
    with ExitStack() as stack:
        walk = Walk(tmp_path, stack)
        walk.open()
        walk.databases |= dict.fromkeys(services(), walk.databases["shop"])
        yield walk


def tell(walk):
    return {
        name: [tuple(map(str, row)) for row in execute(walk.databases[at], sql)] for name, (at, sql) in TOLD.items()
    }


def to_one(walk, empty):
    """All services to one database, which the same process then serves."""
    url = empty()
    told = manage(walk.own("shop", READ_ONLY=EVERY), "extract", *services(), "--to", url)
    assert "The same in both" in told
    walk.databases |= dict.fromkeys([*walk.databases], url)
    before = tell(walk)
    walk.restart()
    return before


def to_each(walk, empty):
    """Each service to a database of its own, with a process of its own."""
    urls = {service: empty() for service in by_calls()}
    for service, url in urls.items():
        manage(walk.own("shop", READ_ONLY=EVERY), "extract", service, "--to", url)
    walk.databases |= urls
    before = tell(walk)
    walk.work("shop", walk.own("shop", READ_ONLY=EVERY))
    for service in by_calls():
        walk.serve(service)
    walk.shop.stop()
    walk.workers.pop("shop").close()
    return before


def refresh(walk, customer):
    return Shape("walk", walk.url, {}).ask("POST", "/api/token/refresh/", json={"refresh": customer.refresh})


@pytest.mark.parametrize("move", [to_one, to_each])
def test_a_shop_moves_while_orders_are_placed(walk, empty, move, record_property):
    shape = Shape("walk", walk.url, {})
    alice, gone = shape.log_in("alice"), shape.log_in("bob")
    shape.ask("POST", "/api/token/blacklist/", json={"refresh": gone.refresh})
    await_true(lambda: gone.get("/api/orders/").status_code == 401, "a log-out is known")
    key, lines = "0d1f8f0e-7d4b-4c0a-9f60-000000000001", {SENCHA: 1, TWINE: 2}
    placed = alice.order(lines, key).json()
    shape.browse().send("/password-reset/", email="carol@example.com")
    buyers = [Buyer(shape.log_in("dave")) for _ in range(BUYERS // 2)]
    for buyer in buyers:
        buyer.start()
    time.sleep(1)

    walk.restart(READ_ONLY=EVERY)
    here = tell(walk)
    there = move(walk, empty)
    time.sleep(2)
    for buyer in buyers:
        buyer.stop.set()
    for buyer in buyers:
        buyer.join()

    assert there == here
    assert alice.get("/api/accounts/me/").json()["email"] == "alice@example.com"
    assert gone.get("/api/orders/").status_code == 401
    assert refresh(walk, gone).status_code == 401
    assert refresh(walk, alice).status_code == 200
    assert alice.order(lines, key).json()["id"] == placed["id"]
    entry = read(shape.log_in("bob").access)[1]["status"]["status_list"]["idx"]
    assert entry > int(here["entries"][0][0])
    check(walk, buyers, record_property, also={key})
