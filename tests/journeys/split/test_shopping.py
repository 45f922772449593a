"""What everybody does in the shop, over HTTP: the same in one process and in three."""

import uuid

import pytest

from tests.journeys.split.shapes import OWN_PASSWORD, hidden_fields, password_of
from wire.demo import product_id

pytestmark = pytest.mark.slow

SENCHA = str(product_id("TEA-004"))
MUG = str(product_id("KIT-001"))
FEEDER = str(product_id("GAR-010"))
"""Sold out, unless somebody has counted it meanwhile."""


def key():
    return str(uuid.uuid4())


# The API ----------------------------------------------------------------------------------------


def test_an_order_holds_stock_and_a_cancelled_one_gives_it_back(shape):
    alice = shape.customer("alice")
    before = alice.get(f"/api/products/{SENCHA}/").json()["available"]

    order = alice.order({SENCHA: 2}, key()).json()
    between = alice.get(f"/api/products/{SENCHA}/").json()["available"]
    cancelled = alice.post(f"/api/orders/{order['id']}/cancel/").json()
    after = alice.get(f"/api/products/{SENCHA}/").json()["available"]

    assert (order["status"], order["total"], order["currency"]) == ("placed", "18.40", "EUR")
    assert order["lines"][0]["name"] == "Sencha"
    assert (between, after) == (before - 2, before)
    assert cancelled["status"] == "cancelled"


def test_an_order_goes_from_placed_to_returned(shape):
    alice, dave = shape.customer("alice"), shape.customer("dave")
    order = alice.order({MUG: 1}, key()).json()
    on_hand = shape.customer("carol").get(f"/api/products/{MUG}/").json()["on_hand"]

    path = f"/api/orders/{order['id']}"
    states = [dave.post(f"{path}/pay/", {"reference": "BANK-1"}).json()["status"]]
    states += [dave.post(f"{path}/{action}/").json()["status"] for action in ("ship", "deliver", "return")]

    assert states == ["paid", "shipped", "delivered", "returned"]
    assert shape.customer("carol").get(f"/api/products/{MUG}/").json()["on_hand"] == on_hand


def test_the_same_key_is_the_same_order(shape):
    bob, once = shape.customer("bob"), key()

    first, again = bob.order({SENCHA: 1}, once), bob.order({SENCHA: 1}, once)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["Idempotent-Replayed"] == "true"


def test_more_than_there_is_is_refused_with_the_facts(shape):
    bob = shape.customer("bob")
    left = bob.get(f"/api/products/{FEEDER}/").json()["available"]

    answer = bob.order({FEEDER: left + 1, SENCHA: 1}, key())

    assert answer.status_code == 409
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (answer.json()["code"], answer.json()["lines"]) == (
        "insufficient-stock",
        [{"product": FEEDER, "wanted": left + 1, "available": left}],
    )


def test_a_new_price_is_seen_by_the_next_order_and_an_old_one_refused(shape):
    carol, alice = shape.customer("carol"), shape.customer("alice")
    lamp = str(product_id("DES-005"))
    etag = carol.get(f"/api/products/{lamp}/").headers["ETag"]

    changed = carol.ask("PATCH", f"/api/products/{lamp}/", json={"price": "14.20"}, headers={"If-Match": etag})
    stale = carol.ask("PATCH", f"/api/products/{lamp}/", json={"price": "1.00"}, headers={"If-Match": etag})
    body = {"lines": [{"product": lamp, "quantity": 1, "price": "13.80"}]}
    answer = alice.post("/api/orders/", body, headers={"Idempotency-Key": f'"{key()}"'})

    assert (changed.status_code, stale.status_code) == (200, 412)
    assert (answer.status_code, answer.json()["code"]) == (409, "price-changed")
    assert answer.json()["lines"] == [{"product": lamp, "seen": "13.80", "price": "14.20", "currency": "EUR"}]
    carol.ask("PATCH", f"/api/products/{lamp}/", json={"price": "13.80"})


def test_what_is_not_yours_does_not_exist_and_what_is_not_allowed_is_refused(shape):
    alice, bob = shape.customer("alice"), shape.customer("bob")
    order = alice.order({SENCHA: 1}, key()).json()["id"]

    assert bob.get(f"/api/orders/{order}/").status_code == 404
    assert bob.post(f"/api/orders/{order}/cancel/").status_code == 404
    assert alice.post(f"/api/orders/{order}/ship/").status_code == 403
    assert alice.ask("PATCH", f"/api/products/{SENCHA}/", json={"price": "0.01"}).status_code == 403
    assert alice.get(f"/api/orders/{order}/").json()["status"] == "placed"


def test_a_customers_token_does_not_open_the_door_to_reservations(shape):
    path = f"/api/products/reservations/{uuid.uuid4()}/"
    body = {"lines": [{"product": SENCHA, "quantity": 1}]}

    answers = [shape.customer(name).ask("PUT", path, json=body) for name in ("alice", "admin")]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert (
        answers[0]
        .headers["WWW-Authenticate"]
        .startswith('Bearer error="insufficient_scope", scope="stock:reserve", resource_metadata=')
    )


def test_somebody_new_registers_orders_and_is_gone(shape):
    name = f"erin-{uuid.uuid4().hex[:8]}"
    who = {"email": f"{name}@example.com", "password": OWN_PASSWORD, "name": "Erin"}
    assert shape.ask("POST", "/api/accounts/register/", json=who).status_code == 201
    shape.manage("accounts", "verify_email", who["email"])
    erin = shape.log_in(name)

    order = erin.order({SENCHA: 1}, key()).json()
    gone = erin.ask("DELETE", "/api/accounts/me/", json={"current_password": OWN_PASSWORD})

    assert order["customer"]["name"] == "Erin"
    assert gone.status_code == 204
    assert shape.ask("POST", "/api/token/", json=who | {"name": None}).status_code in (400, 401)


def test_a_refresh_token_is_good_for_one_successor(shape):
    alice = shape.log_in("alice")

    first = shape.ask("POST", "/api/token/refresh/", json={"refresh": alice.refresh}).json()
    again = shape.ask("POST", "/api/token/refresh/", json={"refresh": alice.refresh}).json()

    assert again["refresh"] == first["refresh"]
    assert shape.ask("GET", "/api/orders/", headers={"Authorization": f"Bearer {first['access']}"}).status_code == 200


def test_lists_go_on_at_the_address_they_name(shape):
    alice = shape.customer("alice")
    # Goods of the demo alone: others may have been imported meanwhile.
    first = alice.get("/api/products/?category=Tea&limit=6").json()

    second = alice.get(first["next"].removeprefix(shape.url)).json()

    assert first["next"].startswith(f"{shape.url}/api/products/?")
    names = [product["sku"] for product in first["results"] + second["results"]]
    assert (len(names), len(set(names)), second["next"]) == (10, 10, None)


# Pages ------------------------------------------------------------------------------------------


def test_a_browser_logs_in_orders_and_cancels(shape):
    alice = shape.browse("alice")

    ordered = alice.order(SENCHA, 2)
    cancelled = alice.send(f"{ordered.url.removeprefix(shape.url)}cancel/")

    assert ordered.url.startswith(f"{shape.url}/orders/")
    assert "Sencha" in ordered.text
    assert "The order is cancelled." in cancelled.text


def test_a_form_sent_twice_is_one_order(shape):
    bob = shape.browse("bob")
    bob.fill(MUG)
    form = bob.review()

    first, again = [bob.send("/orders/", **form) for _ in range(2)]

    assert first.url == again.url


def test_the_order_of_a_session_that_was_ended_is_placed_after_the_next_log_in(shape):
    bob = shape.browse("bob")
    bob.fill(MUG)
    form = bob.review()
    for name in ("access", "refresh"):
        for cookie in [cookie for cookie in bob.session.cookies if cookie.name == name]:
            bob.session.cookies.clear(cookie.domain, cookie.path, cookie.name)

    asked = bob.send("/orders/", **form)
    kept = hidden_fields(asked.text)["kept"]
    back = bob.send(
        "/login/?next=/orders/", email="bob@example.com", password=password_of("bob@example.com"), kept=kept
    )
    placed = bob.send("/orders/", **hidden_fields(back.text))

    assert asked.url == f"{shape.url}/login/?next=/orders/"
    assert "1 Mosaic Lane" in placed.text
    assert "Thank you for your order." in placed.text


def test_a_form_from_elsewhere_is_refused(shape):
    alice = shape.browse("alice")
    form = hidden_fields(alice.get(f"/products/{MUG}/").text) | {"quantity": "1"}

    answer = alice.session.post(f"{shape.url}/orders/", form, headers={"Origin": "https://evil.example"})

    assert answer.status_code == 403


def test_a_session_cookie_renews_a_token_that_is_spent(shape):
    alice = shape.browse("alice")
    alice.session.cookies.set("access", "spent.spent.spent", domain="localhost.local", path="/")

    page = alice.get("/orders/")

    assert (page.status_code, page.url) == (200, f"{shape.url}/orders/")
    assert [answer.status_code for answer in page.history] == [307, 307]


def test_who_logs_out_is_asked_to_log_in_by_every_service(shape):
    alice = shape.browse("alice")
    assert alice.get("/orders/").url == f"{shape.url}/orders/"

    alice.send("/logout/", page="/products/")

    for path in ("/products/", "/orders/", "/account/"):
        assert alice.get(path).url == f"{shape.url}/login/?next={path}"
