"""Products over HTTP: bounded, retried, behind a breaker, never inside a transaction."""

import json
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.db import transaction

from orders import inventory_http as border
from orders import inventory_queue as queue
from orders.inventory import (
    Gone,
    InventoryUnavailable,
    OtherLines,
    OutOfStock,
    PriceChanged,
    RequestedLine,
    ReservedLine,
    StockBusy,
    Unorderable,
)
from orders.inventory_http import RemoteInventory
from tests.journeys.split.shapes import await_true
from tests.neighbour import serve
from tests.tokens import scripted_issuer
from tests.tokens.scripted_issuer import drip, page
from tokens import client_credentials
from tokens.client_credentials import service_login

ORDER = uuid.UUID("00000000-0000-4000-8000-00000000000a")
TEA = uuid.UUID("00000000-0000-4000-8000-00000000000b")
MUG = uuid.UUID("00000000-0000-4000-8000-00000000000c")
LINES = [RequestedLine(TEA, 2, Decimal("4.50"))]
HELD = {"product": str(TEA), "sku": "tea", "name": "Tea", "quantity": 2, "unit_price": "4.50", "currency": "EUR"}
RESERVED = (200, {"order": str(ORDER), "state": "held", "lines": [HELD]})

BUDGET, TRY = queue.BUDGET, queue.TRY

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def set_times(monkeypatch):
    """Set for how many seconds products is asked, and each time: who answers is heard, however busy the machine is."""

    def set_both(budget, each=20.0):
        monkeypatch.setattr(queue, "BUDGET", budget)
        monkeypatch.setattr(border, "TRY", each)

    monkeypatch.setattr(client_credentials, "TIMEOUT", 20.0)
    set_both(60.0)
    return set_both


@pytest.fixture
def products(settings):
    """A neighbour that gives out tokens, and answers as products."""
    settings.CLIENT_ID, settings.CLIENT_SECRET = "orders", "secret"
    service_login.cache_clear()
    with serve() as accounts, serve() as products:
        accounts.answers = [lambda _: (200, {"access_token": f"t{len(accounts.heard)}", "expires_in": 1800})]
        settings.ACCOUNTS_URL, settings.PRODUCTS_URL = accounts.url, products.url
        products.answers = [RESERVED]
        yield products
    service_login.cache_clear()


@pytest.fixture
def remote():
    return RemoteInventory()


def test_reserve_asks_with_the_services_own_token(products, remote):
    held = remote.reserve(ORDER, LINES)

    (heard,) = products.heard
    assert held == [ReservedLine(TEA, 2, "tea", "Tea", Decimal("4.50"), "EUR")]
    assert (heard.method, heard.path) == ("PUT", f"/api/products/reservations/{ORDER}/")
    assert heard.headers["Authorization"] == "Bearer t1"
    assert json.loads(heard.body) == {"lines": [{"product": str(TEA), "quantity": 2, "price": "4.50"}]}


@pytest.mark.parametrize(
    ("verb", "method", "path", "answer"),
    [
        ("release", "DELETE", "", (204, b"")),
        ("fulfil", "POST", "fulfil/", (200, {"order": str(ORDER), "state": "fulfilled"})),
        ("take_back", "POST", "take-back/", (200, {"order": str(ORDER), "state": "taken_back"})),
    ],
)
def test_each_verb_has_its_address(products, remote, verb, method, path, answer):
    products.answers = [answer]

    getattr(remote, verb)(ORDER)

    assert [heard[:2] for heard in products.heard] == [(method, f"/api/products/reservations/{ORDER}/{path}")]


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("insufficient-stock", 409, OutOfStock),
        ("price-changed", 409, PriceChanged),
        ("unknown-product", 409, Unorderable),
        ("retired-product", 409, Unorderable),
        ("mixed-currencies", 409, Unorderable),
    ],
)
def test_a_refusal_brings_its_facts(products, remote, code, status, error):
    products.answers = [(status, {"code": code, "lines": [{"product": str(TEA)}]})]

    with pytest.raises(error) as caught:
        remote.reserve(ORDER, LINES)

    assert (caught.value.code, caught.value.lines) == (code, [{"product": str(TEA)}])
    assert len(products.heard) == 1


@pytest.mark.parametrize(("code", "status", "error"), [("other-lines", 409, OtherLines), ("gone", 410, Gone)])
def test_what_is_no_refusal_is_not_taken_for_one(products, remote, code, status, error):
    products.answers = [(status, {"code": code})]

    with pytest.raises(error):
        remote.reserve(ORDER, LINES)


@pytest.mark.parametrize("failure", [(500, {}), (503, {}), (429, {}), (502, b"<html>"), (200, b"<html>")])
def test_what_may_pass_is_tried_again_under_the_same_id(products, remote, failure):
    products.answers = [failure, RESERVED]

    assert len(remote.reserve(ORDER, LINES)) == 1
    assert [heard.path for heard in products.heard] == [f"/api/products/reservations/{ORDER}/"] * 2


@pytest.mark.parametrize("answer", [(400, {}), (403, {"code": "insufficient-scope"}), (404, {}), (302, {}), (200, {})])
def test_what_means_nothing_is_no_answer(products, remote, answer):
    products.answers = [answer]

    with pytest.raises(InventoryUnavailable):
        remote.reserve(ORDER, LINES)

    assert len(products.heard) == 1


@pytest.mark.parametrize(
    "lines", [[], [{**HELD, "quantity": 3}], [{**HELD, "product": str(ORDER)}], [HELD, HELD], [{**HELD, "product": 7}]]
)
def test_other_lines_than_were_asked_for_are_no_answer(products, remote, lines):
    products.answers = [(200, {"order": str(ORDER), "state": "held", "lines": lines})]

    with pytest.raises(InventoryUnavailable):
        remote.reserve(ORDER, LINES)


@pytest.mark.parametrize(
    "wrong",
    [
        {"unit_price": "NaN"},
        {"unit_price": "-Infinity"},
        {"sku": None},
        {"name": 7},
        {"currency": ["EUR"]},
        {"quantity": 2.0},
    ],
)
def test_a_line_that_cannot_be_kept_is_no_answer(products, remote, wrong):
    products.answers = [(200, {"order": str(ORDER), "state": "held", "lines": [{**HELD, **wrong}]})]

    with pytest.raises(InventoryUnavailable):
        remote.reserve(ORDER, LINES)


@pytest.mark.parametrize("wrong", [{"price": "NaN"}, {"price": "free"}, {"available": "many"}])
def test_an_offer_that_says_no_amount_is_no_answer(products, remote, wrong):
    offer = {"product": str(TEA), "name": "Tea", "price": "4.50", "currency": "EUR", "available": 3}
    products.answers = [(200, {"results": [{**offer, **wrong}]})]

    with pytest.raises(InventoryUnavailable):
        remote.offers([TEA])


@pytest.mark.parametrize("page", [{}, [], None, {"results": None, "next": None}, {"results": [{}], "next": None}])
def test_a_page_without_results_is_no_answer(products, remote, page):
    products.answers = [(200, page)]

    with pytest.raises(InventoryUnavailable):
        list(remote.held())


def test_a_token_that_is_refused_is_replaced(products, remote):
    products.answers = [(401, {"code": "invalid-token"}), RESERVED]

    remote.reserve(ORDER, LINES)

    assert [heard.headers["Authorization"] for heard in products.heard] == ["Bearer t1", "Bearer t2"]


def test_no_answer_takes_no_more_than_the_budget(products, remote, set_times):
    set_times(BUDGET, TRY)
    products.delay = 20
    started = time.monotonic()

    with pytest.raises(InventoryUnavailable):
        remote.reserve(ORDER, LINES)

    assert 1.5 < time.monotonic() - started < 2 * BUDGET
    assert len(products.heard) >= 2


@pytest.mark.parametrize("who", ["PRODUCTS_URL", "ACCOUNTS_URL"])
def test_an_answer_that_drips_in_takes_no_more_than_the_budget(products, remote, settings, set_times, who):
    set_times(BUDGET, TRY)
    with scripted_issuer.serve() as dripping:
        dripping.others = lambda: drip(page(b"{}"), 0.2)
        setattr(settings, who, dripping.url)
        started = time.monotonic()

        with pytest.raises(InventoryUnavailable):
            remote.reserve(ORDER, LINES)

        assert time.monotonic() - started < 2 * BUDGET
    assert dripping.asked


def test_waiting_for_a_turn_and_for_a_log_in_count_as_well(products, remote, set_times):
    set_times(0.5)
    own = service_login(border.SCOPE)
    own._lock.acquire()
    started = time.monotonic()

    with pytest.raises(InventoryUnavailable, match="another log-in"):
        remote.reserve(ORDER, LINES)

    own._lock.release()
    assert 0.4 < time.monotonic() - started < 10
    assert products.heard == []


def test_a_breaker_opens_after_repeated_failures_and_tries_again(products, remote, set_times):
    set_times(0.3)
    products.answers = [(503, {})]
    for _ in range(queue.FAILURES):
        with pytest.raises(InventoryUnavailable):
            remote.reserve(ORDER, [RequestedLine(uuid.uuid4(), 1)])
    asked = len(products.heard)

    with pytest.raises(InventoryUnavailable, match="given a rest"):
        remote.reserve(ORDER, LINES)
    assert len(products.heard) == asked

    set_times(60.0)
    remote._queue._breaker._opens_at -= queue.REST
    products.answers = [RESERVED]
    assert len(remote.reserve(ORDER, LINES)) == 1
    assert len(remote.reserve(ORDER, LINES)) == 1


@pytest.mark.parametrize("failure", [(503, {"code": "stock-busy"}), (500, {})])
def test_stock_of_one_product_that_fails_rests_alone(products, remote, set_times, failure):
    set_times(0.3)
    products.answers = [failure]
    for _ in range(queue.FAILURES):
        with pytest.raises(InventoryUnavailable):
            remote.reserve(ORDER, LINES)
    asked = len(products.heard)

    with pytest.raises(StockBusy):
        remote.reserve(ORDER, [*LINES, RequestedLine(MUG, 1)])
    assert len(products.heard) == asked

    set_times(60.0)
    products.answers = [(409, {"code": "insufficient-stock", "lines": []})]
    with pytest.raises(OutOfStock):
        remote.reserve(ORDER, [RequestedLine(MUG, 1)])

    remote._queue._failing[TEA]._opens_at -= queue.REST
    for _ in range(2):
        with pytest.raises(OutOfStock):
            remote.reserve(ORDER, LINES)


def test_who_waits_for_one_product_leaves_turns_to_others(products, remote):
    is_over = threading.Event()

    def refuse(heard):
        if str(TEA) in heard.body:
            is_over.wait(20)
        return 409, {"code": "insufficient-stock"}

    products.answers = [refuse]
    with ThreadPoolExecutor(queue.EACH) as pool:
        waiting = [pool.submit(remote.reserve, ORDER, LINES) for _ in range(queue.EACH)]
        await_true(lambda: len(products.heard) == queue.EACH, "all turns of the tea are taken")

        with pytest.raises(OutOfStock):
            remote.reserve(ORDER, [RequestedLine(MUG, 1)])
        is_waiting = [not one.done() for one in waiting]
        is_over.set()

    assert is_waiting == [True] * queue.EACH
    assert {type(one.exception()) for one in waiting} == {OutOfStock}


def test_nobody_calls_while_accounts_gives_no_token(products, remote, settings):
    settings.CLIENT_SECRET = ""

    with pytest.raises(InventoryUnavailable, match="CLIENT_ID and CLIENT_SECRET"):
        remote.reserve(ORDER, LINES)

    assert products.heard == []


def test_what_is_held_is_read_page_by_page_from_products_alone(products, remote):
    row = {"order": str(ORDER), "lines": [{"product": str(TEA), "quantity": 2}]}
    elsewhere = "http://elsewhere.example/api/products/reservations/?state=held&limit=100&cursor=c2"
    products.answers = [
        (200, {"results": [row], "next": elsewhere, "previous": None}),
        (200, {"results": [row], "next": None, "previous": None}),
    ]

    assert list(remote.held()) == [(ORDER, {TEA: 2})] * 2
    assert [heard.path.partition("?")[2] for heard in products.heard] == [
        "state=held&limit=100",
        "state=held&limit=100&cursor=c2",
    ]


@pytest.mark.django_db(transaction=True)
def test_it_is_never_called_inside_a_transaction(products, remote):
    with pytest.raises(RuntimeError), transaction.atomic():
        remote.release(ORDER)

    assert products.heard == []
