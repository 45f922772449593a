"""A service goes away, killed or hanging: what the others do, what is said in words, and how it heals."""

import signal
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.journeys.split.shapes import await_true
from wire.demo import PASSWORD, product_id

pytestmark = pytest.mark.slow

TEA = str(product_id("TEA-008"))
TWINE = str(product_id("GAR-006"))
LONGEST = 3.0
"""Seconds that a request may wait for a neighbour, at most."""
STALE = 8.0
"""Seconds after which a service would rather have newer keys and lists."""
BOTH = pytest.mark.parametrize("how", ["killed", "paused"])


@contextmanager
def away(shape, service, how):
    """A service that is not there; it is again after the block."""
    process = shape.processes[service]
    if how == "killed":
        process.kill()
    else:
        process.send(signal.SIGSTOP)
    try:
        yield
    finally:
        if how == "killed":
            process.start()
        else:
            process.send(signal.SIGCONT)
            process.wait()


def timed(call):
    """What a call answered, and after how many seconds."""
    started = time.monotonic()
    answer = call()
    return answer, time.monotonic() - started


def order(customer, product=TEA, key=""):
    return customer.order({product: 1}, key or str(uuid.uuid4()))


def check_words(answer, words):
    """A page of the gateway, as a person reads it."""
    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "Not right now" in answer.text
    assert words in answer.text


def check_problem(answer, words):
    """The same for a program (RFC 9457)."""
    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Retry-After"] == "5"
    assert (answer.json()["code"], answer.json()["status"]) == ("unavailable", 503)
    assert words in answer.json()["detail"]


@BOTH
def test_without_accounts_every_token_goes_on(split, how, record_property):
    alice, browser = split.log_in("alice"), split.browse("alice")
    await_true(lambda: order(alice).status_code == 201, "products is asked again", 15)
    longest, started = 0.0, time.monotonic()

    with ThreadPoolExecutor() as apart, away(split, "accounts", how):
        words = apart.submit(split.ask, "GET", "/login/")
        problem = apart.submit(split.ask, "POST", "/api/token/", json={"email": "a@example.com", "password": "x"})
        while time.monotonic() - started < STALE + 1.5:
            for call in (
                lambda: alice.get("/api/products/"),
                lambda: alice.get("/api/orders/"),
                lambda: order(alice),
                lambda: browser.get("/products/", allow_redirects=False),
                lambda: browser.get("/orders/", allow_redirects=False),
            ):
                answer, seconds = timed(call)
                assert answer.status_code in (200, 201), answer.text
                longest = max(longest, seconds)
            time.sleep(0.5)
        assert split.ask("GET", "/static/tessera/tessera.css").status_code == 200
        check_words(words.result(), "Logging in and your account cannot be reached just now.")
        check_problem(problem.result(), "Logging in and your account cannot be reached just now.")

    assert longest < LONGEST
    record_property(f"accounts {how}: the longest that anybody waited, in seconds", round(longest, 2))
    assert split.log_in("alice").get("/api/accounts/me/").status_code == 200


@BOTH
def test_without_accounts_who_ended_a_session_before_stays_out(split, how):
    bob = split.log_in("bob")
    assert bob.get("/api/orders/").status_code == 200
    split.ask("POST", "/api/token/blacklist/", json={"refresh": bob.refresh})
    await_true(lambda: bob.get("/api/orders/").status_code == 401, "bob is out", 10)

    with away(split, "accounts", how):
        assert bob.get("/api/orders/").status_code == 401


@BOTH
def test_without_products_orders_wait_and_are_settled_later(split, how, record_property):
    alice, browser, key = split.customer("alice"), split.browse("alice"), str(uuid.uuid4())
    browser.fill(TWINE)
    form = browser.review()

    with ThreadPoolExecutor() as apart, away(split, "products", how):
        words = apart.submit(browser.get, "/products/")
        problem = apart.submit(alice.get, "/api/products/")
        answer, first = timed(lambda: order(alice, key=key))
        again, second = timed(lambda: order(alice, key=key))
        page, third = timed(lambda: browser.send("/orders/", **form))
        cancelled = alice.post(f"/api/orders/{order(alice).json()['id']}/cancel/")

        assert (answer.status_code, answer.json()["status"], answer.headers["Retry-After"]) == (202, "pending", "5")
        assert answer.headers["Location"] == f"{split.url}/api/orders/{answer.json()['id']}/"
        assert (again.status_code, again.json()["id"]) == (202, answer.json()["id"])
        assert "pending" in page.text
        assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
        assert alice.get("/api/orders/").status_code == 200
        assert browser.get("/orders/").status_code == 200
        check_words(words.result(), "The catalogue cannot be reached just now.")
        check_problem(problem.result(), "The catalogue cannot be reached just now.")

    path = f"/api/orders/{answer.json()['id']}/"
    seconds = await_true(lambda: alice.get(path).json()["status"] == "placed", "the order is placed", 30)
    record_property(
        f"products {how}: the longest that an order waited, in seconds", round(max(first, second, third), 2)
    )
    record_property(f"products {how}: settled after, in seconds", round(seconds, 1))
    assert max(first, second, third) < LONGEST
    assert order(alice, key=key).status_code == 201


def test_orders_that_wait_do_not_stop_reading(split, record_property):
    alice, waits = split.customer("alice"), []
    # After an outage orders gives products a rest.
    await_true(lambda: order(alice).status_code == 201, "products is asked again", 15)

    with away(split, "products", "paused"), ThreadPoolExecutor(48) as crowd:
        crowded = [crowd.submit(timed, lambda: order(alice)) for _ in range(40)]
        while not all(order.done() for order in crowded):
            answer, seconds = timed(lambda: alice.get("/api/orders/"))
            assert answer.status_code == 200
            waits.append(seconds)
            time.sleep(0.05)
        answers = [order.result() for order in crowded]

    assert {answer.status_code for answer, _ in answers} == {202}
    # Beside the waiting, so many at once keep a small machine busy.
    assert max(seconds for _, seconds in answers) < LONGEST + 1
    assert max(waits) < 2
    record_property("40 orders waiting: the longest that a reader waited, in seconds", round(max(waits), 2))


@BOTH
def test_without_orders_the_catalogue_and_the_way_in_go_on(split, how):
    browser = split.browse("carol")

    with ThreadPoolExecutor() as apart, away(split, "orders", how):
        words, problem = (
            apart.submit(browser.get, "/orders/"),
            apart.submit(split.customer("carol").get, "/api/orders/"),
        )
        carol = split.log_in("carol")
        assert carol.get("/api/products/").status_code == 200
        assert browser.get("/products/").url == f"{split.url}/products/"
        assert browser.get("/admin/products/product/").status_code == 200
        assert browser.get("/static/tessera/tessera.css").status_code == 200
        assert split.ask("POST", "/api/token/refresh/", json={"refresh": carol.refresh}).status_code == 200
        check_words(words.result(), "Your orders cannot be reached just now")
        check_problem(problem.result(), "Your orders cannot be reached just now")

    assert carol.get("/api/orders/").status_code == 200


def test_a_service_started_without_accounts_is_not_ready_and_becomes_so(split):
    orders, alice = split.processes["orders"], split.log_in("alice")

    with away(split, "accounts", "killed"):
        orders.kill()
        orders.start_anyhow()
        await_true(lambda: orders.ask("/healthz") == 200, "orders is alive")
        assert orders.ask("/readyz") == 503
        answer = alice.get("/api/orders/")
        assert (answer.status_code, answer.json()["code"]) == (503, "issuer-unavailable")
        assert "Retry-After" in answer.headers

    await_true(lambda: orders.ask("/readyz") == 200, "orders is ready", 15)
    assert alice.get("/api/orders/").status_code == 200


def test_logging_in_works_right_after_accounts_is_back(split):
    with away(split, "accounts", "killed"):
        check_problem(
            split.ask("POST", "/api/token/", json={"email": "dave@example.com", "password": PASSWORD}), "Logging in"
        )

    assert split.log_in("dave").get("/api/orders/").status_code == 200
