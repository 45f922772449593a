"""The services as production has them: DEBUG off, TLS ended in front, and plain HTTP between them."""

import re
import shlex
import uuid
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
import requests

from deploy.render import list_clients
from deploy.services import Split, environment
from tests.journeys.processes import free_port, manage
from tests.journeys.split.shapes import Shape, routing, start_services
from tests.wire.test_headers import HEADERS
from tokens.registry import by_calls
from wire.demo import product_id

pytestmark = pytest.mark.slow

SENCHA = str(product_id("TEA-004"))
IN_FRONT = {"Host": "shop.example", "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}
"""What whoever speaks TLS sends on."""
WHO = {"email": "frank@example.com", "password": "a mosaic of words", "name": "Frank"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("production")
    split = Split(folder, free_port(), {service: free_port() for service in by_calls()})
    own = {
        "DEBUG": "off",
        "ISSUER": "https://shop.example",
        "ALLOWED_HOSTS": "shop.example,127.0.0.1",
        "EMAIL_URL": "dummymail://",
        "PROXIES": "2",
        "STATIC_ROOT": str(folder / "static"),
        "LOG_LEVEL": "WARNING",
    }
    shape = Shape("production", split.url, {service: environment(split, service) | own for service in by_calls()})
    for service in by_calls():
        shape.manage(service, "migrate", "--verbosity", "0")
    manage(shape.environments["products"], "collectstatic", "--no-input", "--verbosity", "0")
    manage(shape.environments["products"], "demo")
    for client in list_clients():
        secret = str(folder / f"{client['client']}.client")
        shape.manage("accounts", *shlex.split(client["register"]), "--secret-file", secret)
    with ExitStack() as stack:
        start_services(stack, shape, split)
        stack.enter_context(routing(folder / "gateway", split.port, split.ports, proxies=2))
        yield shape


def ask(shop, method, path, **options):
    headers = IN_FRONT | options.pop("headers", {})
    return requests.request(method, f"{shop.url}{path}", headers=headers, timeout=30, allow_redirects=False, **options)


@pytest.fixture(scope="module")
def frank(shop):
    assert ask(shop, "POST", "/api/accounts/register/", json=WHO).status_code == 201
    shop.manage("accounts", "verify_email", WHO["email"])
    answer = ask(shop, "POST", "/api/token/", json={name: WHO[name] for name in ("email", "password")})
    return {"Authorization": f"Bearer {answer.json()['access']}"}


def test_services_call_each_other_without_tls(shop, frank):
    order = {"lines": [{"product": SENCHA, "quantity": 1}]}

    answer = ask(shop, "POST", "/api/orders/", json=order, headers=frank | {"Idempotency-Key": f'"{uuid.uuid4()}"'})

    assert (answer.status_code, answer.json()["status"]) == (201, "placed")
    assert answer.headers["Location"] == f"https://shop.example/api/orders/{answer.json()['id']}/"


def test_whoever_comes_without_tls_is_sent_to_it(shop):
    answer = ask(shop, "GET", "/login/", headers={"X-Forwarded-Proto": "http"})

    assert (answer.status_code, answer.headers["Location"]) == (301, "https://shop.example/login/")


def test_a_page_has_files_that_may_be_kept_forever_and_cookies_for_tls_alone(shop):
    page = ask(shop, "GET", "/login/")
    style = re.search(r'href="(/static/tessera/tessera\.[0-9a-f]{12}\.css)"', page.text)[1]

    assert page.headers["Strict-Transport-Security"].startswith("max-age=31536000")
    assert "immutable" in ask(shop, "GET", style).headers["Cache-Control"]
    entered = enter(shop, page.cookies["__Host-csrftoken"], "__Host-csrftoken")
    assert (entered.status_code, entered.headers["Location"]) == (302, "/products/")
    cookies = {cookie.name: cookie.secure for cookie in [*page.cookies, *entered.cookies]}
    secure = ("__Host-access", "__Host-browser", "__Host-csrftoken", "__Secure-refresh")
    assert cookies == dict.fromkeys(secure, True)


def enter(shop, secret, *names):
    """Log in by the form, with cookies of these names against forgery."""
    form = {"email": WHO["email"], "password": WHO["password"], "csrfmiddlewaretoken": secret}
    headers = {
        "Origin": "https://shop.example",
        "Referer": "https://shop.example/login/",
        "Cookie": "; ".join(f"{name}={secret}" for name in names),
    }
    return ask(shop, "POST", "/login/", data=form, headers=headers)


def test_a_form_of_the_release_before_is_taken_and_its_cookie_goes_on(shop, frank):
    secret = "s" * 32

    entered = enter(shop, secret, "csrftoken")

    assert entered.status_code == 302
    page = ask(shop, "GET", "/login/", headers={"Cookie": f"csrftoken={secret}"})
    assert page.cookies["csrftoken"] == page.cookies["__Host-csrftoken"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/orders/"), ("POST", "/api/token/"), ("POST", "/oauth/token"), ("GET", "/orders/")],
)
def test_a_token_without_tls_is_refused_and_sent_nowhere(shop, frank, method, path):
    answer = ask(shop, method, path, headers=frank | {"X-Forwarded-Proto": "http"})

    assert (answer.status_code, "Location" in answer.headers) == (403, False)
    assert path == "/orders/" or "without TLS" in answer.text


GATEWAYS_OWN = [
    ("GET", "/metrics", {}, 404),
    ("POST", "/api/schema/", {}, 405),
    ("POST", "/login/", {"Content-Length": "2000000"}, 413),
    ("GET", "/api/schema/", {}, 200),
    ("GET", "/-/404", {}, 404),
]
"""What nginx answers by itself, and with which status."""


@pytest.mark.parametrize(("method", "path", "headers", "status"), GATEWAYS_OWN)
def test_what_the_gateway_answers_by_itself_carries_the_headers_too(shop, method, path, headers, status):
    by_tls = ask_raw(shop, method, path, headers)
    plain = ask_raw(shop, method, path, headers | {"X-Forwarded-Proto": "http"})

    assert (by_tls.status, plain.status) == (status, status)
    assert {name: by_tls.headers[name] for name in HEADERS} == HEADERS
    assert by_tls.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"
    assert plain.headers["Strict-Transport-Security"] is None
    assert "frame-ancestors 'none'" in by_tls.headers["Content-Security-Policy"]


def test_of_a_request_that_cannot_be_read_nobody_knows_how_it_came(shop):
    answer = ask_raw(shop, "GET", "/api/orders/%zz", {})

    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert (answer.status, answer.headers["Strict-Transport-Security"]) == (400, None)


def ask_raw(shop, method, path, headers):
    """The answer to headers alone, to an address that is sent as it stands."""
    connection = HTTPConnection("127.0.0.1", urlsplit(shop.url).port, timeout=30)
    connection.putrequest(method, path, skip_host=True)
    for name, value in (IN_FRONT | headers).items():
        connection.putheader(name, value)
    connection.endheaders()
    with closing(connection):
        return connection.getresponse()


def test_a_redirect_of_ours_has_the_headers_of_a_service(shop):
    answer = ask(shop, "GET", "/static")

    assert "Strict-Transport-Security" in answer.headers
    assert "nginx" not in answer.text


def test_the_address_of_a_client_is_the_one_that_tls_came_from(shop, frank):
    sessions = ask(shop, "GET", "/api/accounts/sessions/", headers=frank).json()

    assert {session["address"] for session in sessions["results"]} == {"203.0.113.7"}


def test_another_host_is_refused(shop):
    assert ask(shop, "GET", "/login/", headers={"Host": "evil.example"}).status_code == 400
