"""Services are deployed one after the other: each works with the others of its own release and of the one before."""

import time
import uuid

import pytest

from tests.journeys import databases
from tests.journeys.releases.mixed import NOW, opened, unpack
from tests.journeys.split.shapes import Browser, Customer, await_true, hidden_fields
from tokens.registry import by_calls
from wire.demo import product_id

pytestmark = pytest.mark.slow

TEA, MUG = str(product_id("TEA-004")), str(product_id("KIT-001"))
PASSWORD = "correct horse battery"
SEEN = 10.0
"""Seconds in which every service knows of a log-out."""
IN_TURN = [number ^ number // 2 for number in range(2 ** len(by_calls()))]
"""Every mixture of two releases, each one service away from the one before (Gray code)."""


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    return unpack(tmp_path_factory.mktemp("last-release"))


@pytest.fixture(scope="module", params=databases.BOTH)
def shop(request, tmp_path_factory, before):
    """A shop of the last release, whose databases have since got the migrations of this one."""
    with opened(request.param, tmp_path_factory.mktemp("mixed"), before) as shop:
        shop.left = leave(shop)
        shop.migrate()
        yield shop


def leave(shop):
    """What the customers of one mixture leave to the next."""
    alice, key = shop.log_in("alice"), str(uuid.uuid4())
    orders = [alice.order({TEA: 1}, key), alice.order({MUG: 2}, str(uuid.uuid4()))]
    assert [order.status_code for order in orders] == [201, 201]
    return alice, key, *[order.json()["id"] for order in orders]


def name_mixture(number):
    new = [service for place, service in enumerate(by_calls()) if number >> place & 1]
    return "-".join(["new", *new]) if new else "all-old"


@pytest.fixture(params=IN_TURN, ids=name_mixture)
def mixture(request, shop, before):
    """The shop with some services of this release, the others of the last one."""
    shop.become({service: NOW if request.param >> place & 1 else before for place, service in enumerate(by_calls())})
    # Where the mixture before failed, nothing was left.
    shop.left = shop.left or leave(shop)
    return shop


def test_the_shop_goes_on(mixture):
    go_on_with_what_was_left(mixture)
    name = f"erin-{uuid.uuid4().hex[:8]}"
    register(mixture, name)
    shop_by_api(mixture, Customer(mixture, name, PASSWORD))
    shop_by_pages(mixture)
    log_out_everywhere(mixture, Customer(mixture, name, PASSWORD))

    mixture.left = leave(mixture)
    for service in ("products", "orders"):
        mixture.manage(service, "reconcile")


def go_on_with_what_was_left(shop):
    """Sessions, keys and orders of the mixture before."""
    (alice, key, kept, dropped), shop.left = shop.left, None
    renewed = shop.ask("POST", "/api/token/refresh/", json={"refresh": alice.refresh})
    assert renewed.status_code == 200, renewed.text
    alice.access, alice.refresh = renewed.json()["access"], renewed.json()["refresh"]

    again = alice.order({TEA: 1}, key)

    assert (again.status_code, again.json()["id"]) == (201, kept)
    move(shop, kept, "pay", "ship", "deliver", "return")
    cancelled = alice.post(f"/api/orders/{dropped}/cancel/")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")


def move(shop, order, *actions):
    dave = shop.log_in("dave")
    for action in actions:
        answer = dave.post(f"/api/orders/{order}/{action}/", {"reference": "BANK-1"} if action == "pay" else None)
        assert answer.status_code == 200, (action, answer.text)


def register(shop, name):
    who = {"email": f"{name}@example.com", "password": PASSWORD, "name": "Erin"}
    answer = shop.ask("POST", "/api/accounts/register/", json=who)
    assert answer.status_code == 201, answer.text
    if shop.roots["accounts"] == NOW:
        shop.verify_emails()


def shop_by_api(shop, erin):
    found = erin.get("/api/products/?q=tea&limit=5").json()["results"]
    seen = erin.get(f"/api/products/{TEA}/").json()
    key = str(uuid.uuid4())

    placed, replayed = erin.order({TEA: 2, MUG: 1}, key), erin.order({TEA: 2, MUG: 1}, key)
    other = erin.order({TEA: 3}, key)
    too_many = erin.order({TEA: 10_000}, str(uuid.uuid4()))

    assert found
    assert (placed.status_code, placed.json()["status"]) == (201, "placed")
    assert (replayed.status_code, replayed.json()) == (201, placed.json())
    assert other.status_code == 422
    assert (too_many.status_code, too_many.json()["code"]) == (409, "insufficient-stock")
    held = erin.get(f"/api/products/{TEA}/").json()["available"]
    assert held == seen["available"] - 2
    assert placed.json()["id"] in [order["id"] for order in erin.get("/api/orders/?limit=50").json()["results"]]
    move(shop, placed.json()["id"], "pay", "ship")
    assert erin.get(f"/api/orders/{placed.json()['id']}/").json()["status"] == "shipped"


def shop_by_pages(shop):
    bob = Browser(shop).log_in("bob")
    page = bob.get(f"/products/{TEA}/").text

    # As pages of the last release send it: orders of this one takes it, too.
    ordered = bob.send("/orders/", **hidden_fields(page) | {"key": str(uuid.uuid4())}, quantity="1")
    cancelled = bob.send(f"{ordered.url.removeprefix(shop.url)}cancel/")

    assert ordered.url.startswith(f"{shop.url}/orders/"), ordered.text
    assert "The order is cancelled." in cancelled.text
    assert bob.get("/account/").status_code == 200


def log_out_everywhere(shop, erin):
    doors = ["/api/products/", "/api/orders/", "/api/accounts/me/"]
    assert [erin.get(door).status_code for door in doors] == [200] * 3

    assert erin.post("/api/token/blacklist/", {"refresh": erin.refresh}).ok

    waited = time.monotonic()
    await_true(lambda: [erin.get(door).status_code for door in doors] == [401] * 3, "a log-out is seen", SEEN)
    assert time.monotonic() - waited < SEEN
