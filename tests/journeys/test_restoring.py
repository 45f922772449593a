"""Yesterday's database of one service is restored, under the eyes of clients with newer tokens and orders."""

import pytest

from tests.issuer import read
from tests.journeys import backups, databases
from wire.demo import product_id

pytestmark = [pytest.mark.slow]

SENCHA = str(product_id("TEA-004"))


@pytest.fixture(scope="module", params=databases.BOTH)
def shop(request, tmp_path_factory):
    with backups.opened(request.param, tmp_path_factory.mktemp("shop")) as services:
        yield services


def kids(shop):
    return {jwk["kid"] for jwk in shop.ask("GET", "/.well-known/jwks.json").json()["keys"]}


def entry(tokens):
    status = read(tokens["access"])[1]["status"]["status_list"]
    return status["uri"], status["idx"]


def test_no_token_comes_back_to_life_with_yesterdays_accounts(shop):
    ended, used = shop.log_in("bob"), shop.log_in("alice")
    leaked = kids(shop)
    backup = shop.back_up("accounts")
    shop.log_out(ended)
    newest = shop.refresh(used).json()
    shop.manage("accounts", "rotate_keys", "--now")
    later = [shop.log_in(name) for name in ("bob", "carol", "dave", "alice")]
    shop.log_out(later[0])
    replaced = kids(shop)

    told = shop.restore("accounts", backup)

    everybody = [ended, used, newest, *later]
    shop.await_refusal(*everybody)
    assert {shop.refresh(tokens).status_code for tokens in everybody} == {401}
    assert not kids(shop) & (leaked | replaced)
    assert "sessions ended: everybody logs in again" in told


def test_no_new_token_is_taken_for_an_older_one_with_yesterdays_accounts(shop):
    backup = shop.back_up("accounts")
    lost = [shop.log_in("bob") for _ in range(3)]
    for tokens in lost:
        shop.log_out(tokens)
    shop.await_refusal(*lost)
    shop.restore("accounts", backup)
    shop.await_refusal(*lost)

    new = [shop.log_in(name) for name in ("alice", "bob", "alice", "bob")]

    assert not {entry(tokens) for tokens in lost} & {entry(tokens) for tokens in new}
    assert [shop.statuses(tokens) for tokens in new] == [{200}] * 4
    shop.log_out(new[0])
    shop.await_refusal(new[0])
    assert [shop.statuses(tokens) for tokens in new[1:]] == [{200}] * 3
    assert shop.place(new[1], SENCHA).status_code == 201


def test_orders_follow_what_happened_since_with_yesterdays_orders(shop):
    alice, dave = shop.log_in("alice"), shop.log_in("dave")
    waiting = place_without_products(shop, alice)
    cancelled, shipped, repaid, sent, kept = [shop.place(alice, SENCHA).json()["id"] for _ in range(5)]
    pay(shop, dave, repaid, sent)
    backup = shop.back_up("orders")
    shop.manage("orders", "settle_orders")
    act(shop, dave, "cancel", cancelled, repaid)
    pay(shop, dave, shipped, waiting)
    act(shop, dave, "ship", shipped, sent, waiting)
    unknown = shop.place(alice, SENCHA).json()["id"]

    told = shop.restore("orders", backup)

    found = [status(shop, alice, order) for order in (waiting, cancelled, shipped, repaid, sent, kept)]
    assert found == ["shipped", "cancelled", "shipped", "cancelled", "shipped", "placed"]
    people = [line for line in told.splitlines() if "PERSON" in line]
    assert [order in line for order, line in zip([waiting, shipped, unknown], people, strict=True)] == [True] * 3
    assert f"order {repaid} was paid, but products had let go of its goods: cancelled; look" in told
    assert shop.act(dave, cancelled, "pay", reference="x").status_code == 409
    pay(shop, dave, kept)
    act(shop, dave, "ship", kept)
    assert f"order {unknown} is unknown, but products holds" in shop.differences("orders")
    shop.manage("orders", "reconcile", "--release", unknown)
    assert {shop.differences(name) for name in ("orders", "products")} == {""}
    assert "0 stuck" in shop.manage("orders", "settle_orders")


def test_products_hears_again_what_happened_since_with_yesterdays_products(shop):
    alice, dave = shop.log_in("alice"), shop.log_in("dave")
    cancelled, shipped, returned = [shop.place(alice, SENCHA, 2).json()["id"] for _ in range(3)]
    backup = shop.back_up("products")
    act(shop, dave, "cancel", cancelled)
    new, sent, gone = [shop.place(alice, SENCHA).json()["id"] for _ in range(3)]
    pay(shop, dave, shipped, sent, returned)
    act(shop, dave, "ship", shipped, sent, returned)
    act(shop, dave, "deliver", returned)
    act(shop, dave, "return", returned)
    act(shop, dave, "cancel", gone)
    before = counters(shop)

    shop.restore("products", backup)
    assert counters(shop) != before
    told = shop.manage("orders", "reconcile", "--mend")

    assert counters(shop) == before
    assert "PERSON" not in told
    assert {shop.differences(name) for name in ("orders", "products")} == {""}
    pay(shop, dave, new)
    act(shop, dave, "ship", new)
    assert "0 stuck" in shop.manage("orders", "settle_orders")
    assert "again" not in shop.manage("orders", "reconcile", "--mend")


def test_what_cannot_be_held_again_is_named_with_yesterdays_products(shop):
    alice, dave = shop.log_in("alice"), shop.log_in("dave")
    backup = shop.back_up("products")
    wanted = shop.place(alice, SENCHA).json()["id"]
    on_hand, reserved = counters(shop)
    shop.restore("products", backup)
    assert shop.place(dave, SENCHA, on_hand - reserved + 1).status_code == 201

    told = shop.mend()

    assert f"PERSON: order {wanted}" in told
    assert "insufficient-stock" in told
    act(shop, dave, "cancel", wanted)
    assert shop.differences("orders") == ""


def place_without_products(shop, by):
    """An order that is pending still, since nobody answers for its goods."""
    shop.processes["products"].stop()
    answer = shop.place(by, SENCHA)
    shop.start("products")
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    return answer.json()["id"]


def pay(shop, by, *orders):
    for order in orders:
        answer = shop.act(by, order, "pay", reference=f"bank {order[:8]}")
        assert answer.status_code == 200, answer.text


def act(shop, by, action, *orders):
    for order in orders:
        answer = shop.act(by, order, action)
        assert answer.status_code == 200, answer.text


def status(shop, by, order):
    return shop.ask("GET", f"/api/orders/{order}/", by["access"]).json()["status"]


def counters(shop):
    """On hand and reserved."""
    carol = shop.log_in("carol")
    found = shop.ask("GET", f"/api/products/{SENCHA}/", carol["access"]).json()
    return found["on_hand"], found["reserved"]
