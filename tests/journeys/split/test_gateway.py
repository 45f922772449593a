"""What the gateway does by itself."""

import json
import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import requests

from tests.journeys.processes import free_port
from tests.journeys.split.shapes import ORIGIN, Browser, routing
from tokens.registry import services

pytestmark = pytest.mark.slow

APIS = ["/api/accounts/me/", "/api/products/", "/api/orders/"]
EVIL = "https://evil.example"
PASSWORD = "tessera-demo"


def test_figures_of_processes_stay_inside(split):
    answers = [split.ask("GET", path) for path in ("/metrics", "//metrics", "/%6detrics", "/x/../metrics")]

    assert [answer.status_code for answer in answers] == [404, 404, 404, 404]
    assert "There is nothing here" in answers[0].text


def test_pages_of_errors_are_not_to_be_had_by_themselves(split):
    assert split.ask("GET", "/-/503").status_code == 404


@pytest.mark.parametrize(
    ("path", "size", "status", "code"),
    [("/api/schema/", 1, 405, "method-not-allowed"), ("/api/orders/", 2_000_000, 413, "too-large")],
)
def test_an_error_of_the_gateway_under_api_is_a_problem(split, path, size, status, code):
    answer = split.ask("POST", path, data="x" * size, headers={"X-Request-ID": "mine"})

    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    told = answer.json()
    assert (told["status"], told["code"], told["request_id"]) == (status, code, "mine")


def test_a_request_id_that_is_none_is_replaced(split):
    answer = split.ask("POST", "/api/schema/", headers={"X-Request-ID": '"}<script>'})

    assert len(answer.json()["request_id"]) == 32


def test_the_address_of_a_client_is_what_the_gateway_saw(split):
    split.ask("POST", "/api/token/", json={"email": "spy@example.com", "password": "x"})
    browser = Browser(split)
    browser.session.headers["X-Forwarded-For"] = "6.6.6.6"
    browser.log_in("carol")

    sessions = split.customer("carol").get("/api/accounts/sessions/").json()

    assert "6.6.6.6" not in str(sessions)
    assert "127.0.0.1" in str(sessions)


class Service(BaseHTTPRequestHandler):
    """Answers with the headers that it heard."""

    def do_GET(self):
        heard = json.dumps(dict(self.headers)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(heard)))
        self.end_headers()
        self.wfile.write(heard)


@pytest.fixture
def hear(tmp_path):
    """What a service hears of a request."""
    port = free_port()
    with HTTPServer(("127.0.0.1", 0), Service) as service:
        threading.Thread(target=service.serve_forever, daemon=True).start()
        with routing(tmp_path / "gateway", port, dict.fromkeys(services(), service.server_port)):
            yield lambda path, **sent: requests.get(f"http://127.0.0.1:{port}{path}", timeout=5, **sent).json()
        service.shutdown()


@pytest.mark.parametrize("path", ["/api/orders/", "/login/", "/nothing/"])
def test_what_only_services_say_to_each_other_stays_outside(hear, path):
    sent = {"X-Request-Timeout": "0", "baggage": "a=b", "X_Forwarded_For": "6.6.6.6", "X-Own": "c"}

    heard = hear(path, headers=sent)

    assert {name.lower() for name in sent} & {name.lower() for name in heard} == {"x-own"}


def test_of_the_addresses_before_it_a_service_is_told_those_it_can_read(hear):
    given = ["10.0.0.9", "caf\u00e9", "caf\u00e9, 10.0.0.9", "a, \u00e9 ,10.0.0.8, 10.0.0.9", "10.0.0.9, \u00e9"]

    heard = [hear("/", headers={"X-Forwarded-For": each.encode()})["X-Forwarded-For"] for each in given]

    assert [[hop.strip() for hop in each.split(",")] for each in heard] == [
        ["10.0.0.9", "127.0.0.1"],
        ["127.0.0.1"],
        ["10.0.0.9", "127.0.0.1"],
        ["10.0.0.8", "10.0.0.9", "127.0.0.1"],
        ["127.0.0.1"],
    ]


LINK = "/password-reset/MQ/d0c3b4-secret/"


def test_the_log_has_a_line_for_what_no_service_answered_and_no_secret(tmp_path):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with routing(tmp_path / "gateway", port, {service: free_port() for service in services()}):
        requests.get(f"{url}{LINK}", headers={"Referer": f"{url}{LINK}", "X-Request-ID": "mine"}, timeout=5)
        requests.post(f"{url}//password-reset/MQ/secret/", data={"new_password1": "secret"}, timeout=5)
        requests.get(f"{url}/account/email/verify/MQ/secret/", timeout=5)
        requests.get(f"{url}/api/orders/?access_token=secret", headers={"Authorization": "Bearer secret"}, timeout=5)
        link_as_no_browser_writes_it = HTTPConnection("127.0.0.1", port)
        link_as_no_browser_writes_it.request("GET", "/%70assword-reset/MQ/secret/", headers={"Cookie": "secret"})
        link_as_no_browser_writes_it.getresponse().read()
        requests.delete(f"{url}/api/orders/%00?secret", timeout=5)
    text = (tmp_path / "gateway.log").read_text()

    lines = [json.loads(line) for line in text.splitlines()[1:]]
    assert "secret" not in text
    assert [(line["code"], line["request"]) for line in lines] == [
        (503, "GET /password-reset/***/"),
        (503, "POST /password-reset/***/"),
        (503, "GET /account/email/verify/***/"),
        (503, "GET /api/orders/"),
        (503, "GET /"),
        (400, "DELETE /api/orders/"),
    ]
    assert lines[0]["request_id"] == "mine"


def test_what_a_service_answered_is_in_its_own_log_alone(split):
    before = split.log.read_text()

    statuses = [split.ask("GET", path).status_code for path in ("/healthz", "/api/orders/", "/nothing/")]

    assert statuses == [200, 401, 404]
    assert split.log.read_text() == before


# Other origins ----------------------------------------------------------------------------------


def test_a_listed_origin_may_log_in_and_call_every_service(shape):
    preflight = shape.ask(
        "OPTIONS",
        "/api/token/",
        headers={
            "Origin": ORIGIN,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type",
        },
    )
    log_in = shape.ask(
        "POST",
        "/api/token/",
        json={"email": "bob@example.com", "password": PASSWORD},
        headers={"Origin": ORIGIN},
    )
    bearer = {"Authorization": f"Bearer {log_in.json()['access']}", "Origin": ORIGIN}
    answers = [shape.ask("GET", path, headers=bearer) for path in APIS]

    assert preflight.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "content-type" in preflight.headers["Access-Control-Allow-Headers"]
    assert [answer.status_code for answer in (log_in, *answers)] == [200] * 4
    assert {answer.headers["Access-Control-Allow-Origin"] for answer in (log_in, *answers)} == {ORIGIN}
    assert all("Access-Control-Allow-Credentials" not in answer.headers for answer in (preflight, log_in, *answers))


@pytest.mark.parametrize("path", APIS)
def test_what_an_order_needs_may_be_sent_from_a_listed_origin(shape, path):
    wanted = "authorization,content-type,idempotency-key,if-match"
    headers = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": wanted}

    answer = shape.ask("OPTIONS", path, headers=headers)

    assert answer.status_code == 200
    allowed = {name.strip() for name in answer.headers["Access-Control-Allow-Headers"].split(",")}
    assert set(wanted.split(",")) <= allowed
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN


def test_errors_can_be_read_from_a_listed_origin(shape):
    answers = [shape.ask("GET", path, headers={"Origin": ORIGIN}) for path in APIS]

    assert [answer.status_code for answer in answers] == [401, 401, 401]
    assert {answer.headers["Access-Control-Allow-Origin"] for answer in answers} == {ORIGIN}
    exposed = answers[0].headers["Access-Control-Expose-Headers"]
    assert {"WWW-Authenticate", "Retry-After", "ETag"} <= {name.strip() for name in exposed.split(",")}


@pytest.mark.parametrize("path", ["/api/token/", *APIS])
@pytest.mark.parametrize("origin", [EVIL, "null", f"{ORIGIN}.evil.example", "http://app.example"])
def test_any_other_origin_may_not(shape, origin, path):
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}

    answers = [shape.ask(method, path, headers=headers) for method in ("OPTIONS", "GET", "POST")]

    assert all("Access-Control-Allow-Origin" not in answer.headers for answer in answers)


def test_cookies_never_cross(shape):
    browser = shape.browse("bob")
    token = {"access": browser.session.cookies["access"]}

    api = [shape.ask("GET", path, cookies=token, headers={"Origin": ORIGIN}) for path in APIS]
    page = shape.ask("GET", "/orders/", cookies=token, headers={"Origin": ORIGIN})
    set_on_log_in = shape.ask(
        "POST",
        "/api/token/",
        json={"email": "bob@example.com", "password": PASSWORD},
        headers={"Origin": ORIGIN},
    )

    assert [answer.status_code for answer in api] == [401, 401, 401]
    assert "Access-Control-Allow-Origin" not in page.headers
    assert "Set-Cookie" not in set_on_log_in.headers
    assert all(cookie.get_nonstandard_attr("SameSite") == "Lax" for cookie in browser.session.cookies)


def test_keys_may_be_read_from_everywhere(shape):
    answer = shape.ask("GET", "/.well-known/jwks.json", headers={"Origin": EVIL})

    assert answer.headers["Access-Control-Allow-Origin"] == "*"
