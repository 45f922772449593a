"""Whatever is asked, both shapes answer alike: status, headers and body."""

import re
import uuid

import pytest

from wire.demo import PASSWORD, product_id

pytestmark = pytest.mark.slow

SENCHA = str(product_id("TEA-004"))
NOTHING = "00000000-0000-4000-8000-000000000000"
ORDER = {"lines": [{"product": SENCHA, "quantity": 1}]}
JSON = {"Content-Type": "application/json"}

OPEN = [
    ("GET", "/", {}),
    ("GET", "/login/", {}),
    ("GET", "/register/", {}),
    ("GET", "/products/", {}),
    ("GET", f"/products/{SENCHA}/", {}),
    ("GET", "/orders/", {}),
    ("GET", "/account/", {}),
    ("GET", "/admin/", {}),
    ("GET", "/admin/orders/order/", {}),
    ("GET", "/admin/products/product/", {}),
    ("GET", "/nothing/", {}),
    ("GET", "/orders/nothing/", {}),
    ("GET", "/products", {}),
    ("GET", "/healthz", {}),
    ("GET", "/static/tessera/tessera.css", {}),
    ("GET", "/static/nothing.css", {}),
    ("GET", "/api/docs/", {}),
    ("GET", "/.well-known/oauth-authorization-server", {}),
    ("GET", "/.well-known/openid-configuration", {}),
    ("GET", "/.well-known/token-status/999", {}),
    ("POST", "/.well-known/jwks.json", {}),
    ("POST", "/login/", {"data": {"email": "alice@example.com", "password": PASSWORD}}),
    ("POST", "/login/renew/?next=/orders/", {}),
    ("GET", "/login/renew/?next=https://evil.example/", {}),
    ("POST", "/oauth/token", {"data": {"grant_type": "client_credentials"}}),
    ("POST", "/oauth/token", {"data": {"grant_type": "password"}, "auth": ("nobody", "nothing")}),
    ("GET", "/oauth/token", {}),
    ("POST", "/oauth/introspect", {"data": {"token": "x"}}),
    ("POST", "/api/token/", {"json": {"email": "nobody@example.com", "password": "wrong wrong"}}),
    ("POST", "/api/token/", {"json": {"email": "alice@example.com"}}),
    ("POST", "/api/token/", {"data": "{", "headers": JSON}),
    ("POST", "/api/token/", {"data": b"\xff\xfe", "headers": JSON}),
    ("POST", "/api/token/", {"data": "a=b"}),
    ("POST", "/api/token/refresh/", {"json": {"refresh": "rubbish"}}),
    ("GET", "/api/token/", {}),
    ("GET", "/api/nothing/", {}),
    ("GET", "/api/orders/nothing/", {}),
    ("GET", "/api/products/", {}),
    ("GET", "/api/products/", {"headers": {"Authorization": "Bearer rubbish"}}),
    ("GET", "/api/orders/", {"headers": {"Authorization": "Bearer a, Bearer b"}}),
    ("GET", "/api/orders/?access_token=abc", {}),
]
"""What is asked without a token."""

OWN = [
    ("GET", "/api/accounts/me/", {}),
    ("GET", "/api/products/?q=sencha", {}),
    ("GET", "/api/products/?price_min=x", {}),
    ("GET", "/api/products/?cursor=rubbish", {}),
    ("GET", "/api/products/?limit=0", {}),
    ("GET", "/api/products/", {"headers": {"Accept": "text/csv"}}),
    ("GET", f"/api/products/{NOTHING}/", {}),
    ("DELETE", f"/api/products/{SENCHA}/", {}),
    ("PATCH", f"/api/products/{SENCHA}/", {"json": {"price": "1.00"}}),
    ("GET", "/api/products/reservations/?state=held", {}),
    ("GET", "/api/orders/?status=nonsense", {}),
    ("GET", f"/api/orders/{NOTHING}/", {}),
    ("PUT", "/api/orders/", {"json": {}}),
    ("POST", "/api/orders/", {"json": ORDER}),
    ("POST", "/api/orders/", {"json": {"lines": []}, "headers": {"Idempotency-Key": '"a"'}}),
    ("POST", "/api/orders/", {"json": {**ORDER, "gift": True}, "headers": {"Idempotency-Key": '"a"'}}),
    ("POST", "/api/orders/", {"json": ORDER, "headers": {"Idempotency-Key": '"alike"'}}),
    ("POST", "/api/orders/", {"json": ORDER, "headers": {"Idempotency-Key": '"alike"'}}),
    ("POST", "/api/orders/", {"json": {**ORDER, "ship_to": "x"}, "headers": {"Idempotency-Key": '"alike"'}}),
    (
        "POST",
        "/api/orders/",
        {"json": {"lines": [{"product": NOTHING, "quantity": 1}]}, "headers": {"Idempotency-Key": '"none"'}},
    ),
    ("POST", f"/api/orders/{NOTHING}/cancel/", {}),
    ("POST", f"/api/orders/{NOTHING}/ship/", {}),
    ("POST", f"/api/orders/{NOTHING}/fly/", {}),
    ("GET", "/api/accounts/sessions/nothing/", {}),
    ("DELETE", "/api/accounts/me/", {"json": {"current_password": "wrong"}}),
]
"""What is asked as alice."""

PASSING = {"Date", "Server", "Connection", "Keep-Alive", "Transfer-Encoding", "Content-Length", "X-Request-ID", "ETag"}
PASSING |= {"Last-Modified", "Accept-Ranges", "Set-Cookie", "Age"}
SEEDS = [
    (re.compile(r"<code>[0-9a-f-]{32,36}</code>"), "REQUEST"),
    (re.compile(r"http://(localhost|127\.0\.0\.1):[0-9]+"), "SHOP"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r'value="[A-Za-z0-9]{64}"'), "CSRF"),
    (re.compile(r'data-options="[^"]*"'), "OPTIONS"),
    (re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|\+00:00)"), "TIME"),
    (re.compile(r'"number":"[0-9A-Z]{8}"'), "NUMBER"),
    (re.compile(r'"available":[0-9]+'), "AVAILABLE"),
    (re.compile(r'"request_id":"[^"]*"'), "REQUEST"),
    (re.compile(r"(?s)<!DOCTYPE html>.*Page not found at.*"), "NOT FOUND"),
    (re.compile(r'"services": ?\[[^]]*\]'), "SERVICES"),
]
"""What differs between any two shops: addresses, ids, times."""


def retell(answer):
    """An answer without what differs between any two shops."""
    headers = {name: plain(value) for name, value in answer.headers.items() if name.title() not in TITLES}
    return answer.status_code, {name.lower(): order(value) for name, value in headers.items()}, plain(answer.text)


TITLES = {name.title() for name in PASSING}


def plain(text):
    for found, word in SEEDS:
        text = found.sub(word, text)
    return text


def order(value):
    """A header whose parts stand in no order of their own."""
    return sorted(part.strip() for part in re.split("[;,]", value))


def name_case(case):
    method, path, options = case
    return f"{method} {path[:60]} {'+'.join(options)}".replace(SENCHA, "sencha").replace(NOTHING, "nothing")


@pytest.mark.parametrize("case", OPEN, ids=name_case)
def test_anybody_is_told_the_same(monolith, split, case):
    method, path, options = case

    told = [retell(shape.ask(method, path, **options)) for shape in (monolith, split)]

    assert told[0] == told[1]


@pytest.mark.parametrize("case", OWN, ids=name_case)
def test_a_customer_is_told_the_same(monolith, split, case):
    method, path, options = case

    told = [retell(shape.customer("alice").ask(method, path, **options)) for shape in (monolith, split)]

    assert told[0] == told[1]


def test_a_browser_sees_the_same_pages(monolith, split):
    paths = ["/", "/products/?q=tea", f"/products/{SENCHA}/", "/account/", "/logout/", "/orders/nothing/"]
    paths.append("/admin/products/")

    seen = [[browse(shape, path) for path in paths] for shape in (monolith, split)]

    assert seen[0] == seen[1]


def browse(shape, path):
    if "carol" not in BROWSERS.setdefault(shape.name, {}):
        BROWSERS[shape.name]["carol"] = shape.browse("carol")
    answer = BROWSERS[shape.name]["carol"].get(path)
    return answer.status_code, plain(re.sub(r"[0-9]+ (in stock|available|sessions?)", "N", answer.text))


BROWSERS = {}


def test_a_body_that_nobody_reads_is_no_outage(monolith, split):
    for shape in (monolith, split):
        answers = [shape.ask("POST", "/api/orders/", data="x" * 1_000_000, headers=JSON) for _ in range(10)]

        assert [answer.status_code for answer in answers] == [413] * 10


def test_a_body_that_is_too_large_is_refused_in_the_same_words(monolith, split):
    answers = [shape.ask("POST", "/api/token/", data="x" * 1_048_577, headers=JSON) for shape in (monolith, split)]

    assert [answer.status_code for answer in answers] == [413, 413]
    assert plain(answers[0].text) == plain(answers[1].text)


def test_the_document_of_the_api_is_the_same(monolith, split):
    whole, gathered = monolith.ask("GET", "/api/schema/"), split.ask("GET", "/api/schema/")

    assert gathered.headers["Content-Type"] == whole.headers["Content-Type"]
    assert gathered.json() == whole.json()


def test_a_request_id_goes_through_and_comes_back(monolith, split):
    mine = str(uuid.uuid4())

    answers = [shape.ask("GET", "/api/orders/", headers={"X-Request-ID": mine}) for shape in (monolith, split)]

    assert [answer.headers["X-Request-ID"] for answer in answers] == [mine, mine]
    assert [answer.json()["request_id"] for answer in answers] == [mine, mine]
