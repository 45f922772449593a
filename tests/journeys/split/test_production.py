"""The services as production has them: DEBUG off, TLS ended in front, and plain HTTP between them."""

import re
import shlex
import uuid
from contextlib import ExitStack

import pytest
import requests

from deploy.render import list_clients
from deploy.services import Split, environment
from tests.journeys.processes import free_port, manage
from tests.journeys.split.shapes import Shape, routing, start_services
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
        stack.enter_context(routing(folder / "gateway", split.port, split.ports))
        yield shape


def ask(shop, method, path, **options):
    headers = IN_FRONT | options.pop("headers", {})
    return requests.request(method, f"{shop.url}{path}", headers=headers, timeout=30, allow_redirects=False, **options)


@pytest.fixture(scope="module")
def frank(shop):
    assert ask(shop, "POST", "/api/accounts/register/", json=WHO).status_code == 201
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
    token = page.cookies["csrftoken"]
    form = {"email": WHO["email"], "password": WHO["password"], "csrfmiddlewaretoken": token}
    headers = {
        "Origin": "https://shop.example",
        "Referer": "https://shop.example/login/",
        "Cookie": f"csrftoken={token}",
    }
    entered = ask(shop, "POST", "/login/", data=form, headers=headers)
    assert (entered.status_code, entered.headers["Location"]) == (302, "/products/")
    cookies = {cookie.name: cookie.secure for cookie in entered.cookies}
    secure = ("__Host-access", "__Host-browser", "__Secure-refresh", "csrftoken")
    assert cookies | {"csrftoken": True} == dict.fromkeys(secure, True)


def test_the_address_of_a_client_is_the_one_that_tls_came_from(shop, frank):
    sessions = ask(shop, "GET", "/api/accounts/sessions/", headers=frank).json()

    assert {session["address"] for session in sessions["results"]} == {"203.0.113.7"}


def test_another_host_is_refused(shop):
    assert ask(shop, "GET", "/login/", headers={"Host": "evil.example"}).status_code == 400
