"""Without TLS a reader of pages is sent to it; a token, a form or a log-in is refused, so that none is sent again."""

import json

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from config.middleware import TransportMiddleware

TOKEN = {"HTTP_AUTHORIZATION": "Bearer abc"}
IN_FRONT = {"HTTP_X_FORWARDED_PROTO": "http"}


@pytest.fixture
def ask(settings):
    """The answer to a request, as in production behind so many hops."""

    def ask(method, path, proxies=1, **environ):
        settings.SECURE_SSL_REDIRECT, settings.PROXIES = True, proxies
        settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if proxies else None
        middleware = TransportMiddleware(lambda _: HttpResponse("served"))
        return middleware(RequestFactory().generic(method, path, **environ))

    return ask


@pytest.mark.parametrize("path", ["/", "/login/", "/products/?q=tea", "/admin/", "/docs/"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_reader_is_sent_on(ask, method, path):
    answer = ask(method, path, **IN_FRONT)

    assert (answer.status_code, answer["Location"]) == (301, f"https://testserver{path}")


@pytest.mark.parametrize(
    ("method", "path", "environ"),
    [
        ("GET", "/api/orders/", TOKEN),
        ("GET", "/api/products/", {}),
        ("GET", "//api/orders/", TOKEN),
        ("POST", "/api/token/", {}),
        ("OPTIONS", "/api/orders/", {}),
        ("POST", "/oauth/token", {"HTTP_AUTHORIZATION": "Basic b3JkZXJzOng="}),
        ("POST", "/oauth/revoke", {}),
        ("POST", "/api/products/reservations/", TOKEN),
        ("POST", "/login/", {}),
        ("GET", "/products/", TOKEN),
        ("GET", "/healthz", TOKEN),
        ("GET", "/.well-known/jwks.json", TOKEN),
    ],
)
@pytest.mark.parametrize("proxies", [1, 2])
def test_what_holds_a_secret_is_refused_and_led_nowhere(ask, method, path, environ, proxies):
    answer = ask(method, path, proxies, **IN_FRONT, **environ)

    assert (answer.status_code, "Location" in answer) == (403, False)


def test_the_refusal_is_told_as_the_address_would(ask):
    problem = ask("GET", "/api/orders/", **IN_FRONT, **TOKEN)
    error = ask("POST", "/oauth/token", **IN_FRONT)
    page = ask("POST", "/login/", **IN_FRONT)

    assert json.loads(problem.content)["code"] == "no-tls"
    assert json.loads(error.content)["error"] == "invalid_request"
    assert "without TLS" in page.content.decode()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/products/"),
        ("POST", "/api/products/reservations/"),
        ("POST", "/oauth/token"),
        ("GET", "/.well-known/jwks.json"),
    ],
)
def test_neighbours_call_each_other_past_the_gateway(ask, method, path):
    environ = {} if path.startswith("/.well-known/") else TOKEN

    assert ask(method, path, **environ).content == b"served"


@pytest.mark.parametrize("path", ["/api/products/", "/api/token/"])
def test_with_nobody_in_front_what_a_caller_writes_counts_for_nothing(ask, path):
    answers = [ask("POST", path, proxies=0, **TOKEN, **said) for said in ({}, {"HTTP_X_FORWARDED_PROTO": "https"})]

    assert [answer.status_code for answer in answers] == [403, 403]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/.well-known/jwks.json"])
@pytest.mark.parametrize("environ", [{}, IN_FRONT])
def test_probes_and_public_documents_need_no_tls(ask, path, environ):
    assert ask("GET", path, **environ).content == b"served"


@pytest.mark.parametrize(("method", "path"), [("GET", "/login/"), ("POST", "/api/token/")])
def test_over_tls_all_is_served_and_kept_there(ask, method, path):
    answer = ask(method, path, HTTP_X_FORWARDED_PROTO="https")

    assert answer.content == b"served"
