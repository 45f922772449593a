"""Requests as bytes on a socket, at granian alone (the shop as one process) and behind nginx (as services)."""

import http.client
import io
import socket
from urllib.parse import urlsplit

import pytest

from wire.demo import PASSWORD

pytestmark = pytest.mark.slow

ANY = object()
READ = {"Allow": "GET, HEAD"}
PROBLEM = {"Content-Type": "application/problem+json"}
ANYBODY = {"Access-Control-Allow-Origin": "*"}
JSON = "Content-Type: application/json"
FORM = "Content-Type: application/x-www-form-urlencoded"
CHUNKED = "Transfer-Encoding: chunked"
PREFLIGHT = "Origin: https://elsewhere.example\nAccess-Control-Request-Method: GET"
LOG_IN = f'{{"email": "alice@example.com", "password": "{PASSWORD}"}}'


def chunks(*parts):
    return "".join(f"{len(part):x}\r\n{part}\r\n" for part in (*parts, ""))


# The request without its version, Host and Connection; a blank line is where its body begins. Then the status,
# or two: of granian alone and behind nginx. Then headers of the answer.
TABLE = [
    # Methods
    ("GET /healthz", 200, {}),
    ("PUT /healthz", 405, READ),
    ("OPTIONS /healthz", 405, READ),
    ("TRACE /healthz", 405, {"Allow": ANY}),
    ("DELETE /metrics", (405, 404), {}),
    ("PATCH /.well-known/jwks.json", 405, READ | ANYBODY),
    ("TRACE /api/orders/", (401, 405), PROBLEM),
    ("OPTIONS /api/token/", 405, PROBLEM | {"Allow": "POST"}),
    ("BREW /api/token/", 405, PROBLEM | {"Allow": "POST"}),
    # Other origins
    (f"OPTIONS /.well-known/jwks.json\n{PREFLIGHT}", 200, ANYBODY),
    (f"GET /.well-known/token-status/123456789\n{PREFLIGHT}", 404, ANYBODY),
    # Addresses
    ("GET //api/orders/", 404, PROBLEM),
    ("GET /api/%00", (404, 400), PROBLEM),
    ("GET /api/orders/%zz", (404, 400), PROBLEM),
    ("GET /api/orders/%ff/", 404, PROBLEM),
    ("GET /login/%00", (404, 400), {}),
    (f"GET /api/orders/?{'a' * 70_000}", (414, 400), {}),
    ("GET /static/", 404, {}),
    ("GET /static/tessera/", 404, {}),
    ("GET /static/..%2f..%2fmanage.py", (404, 400), {}),
    ("GET /.git/config", 404, {}),
    ("GET /.env", 404, {}),
    ("GET /api/orders/?name=caf\u00e9", 401, PROBLEM),
    ("GET /api/orders/?name=caf\udce9", 400, {}),
    ("GET /api/caf\udce9/", 400, {}),
    # What is accepted
    ("GET /api/orders/\nAccept: application/problem+json", 401, PROBLEM),
    ("GET /api/orders/\nAccept:", 401, PROBLEM),
    ("GET /api/orders/\nAccept: */*;q=0", 406, PROBLEM),
    # Bodies
    (f"POST /api/token/\n{JSON}\nContent-Length: {len(LOG_IN)}\n\n{LOG_IN}", 200, {}),
    (f"POST /api/token/\n{JSON}\n{CHUNKED}\n\n{chunks(LOG_IN)}", 200, {}),
    (f"POST /api/token/\n{JSON}\n{CHUNKED}\n\n{chunks(*LOG_IN)}", 200, {}),
    (f"POST /oauth/revoke\n{FORM}\n{CHUNKED}\n\n{chunks('client_id=web', '&token=x')}", 200, {}),
    (f"POST /api/token/\n{JSON}\n{CHUNKED}\n\n{chunks('{')}", 400, PROBLEM),
    (f"POST /api/token/\n{JSON}\n{CHUNKED}\n\n{chunks(*['[' * 65_536] * 20)}", 413, PROBLEM),
    (f"POST /api/token/\n{JSON}\n{CHUNKED}\n\nzz\r\n{LOG_IN}\r\n0\r\n\r\n", 400, PROBLEM),
    (f"POST /api/token/\n{JSON}\nTransfer-Encoding: foo\n\n{LOG_IN}", 400, {}),
    # What one hop could read in another way than the next
    (f"POST /api/token/\n{JSON}\n{CHUNKED}\nContent-Length: 4\n\n{chunks(LOG_IN)}", (200, 400), {}),
    (f"POST /api/token/\n{JSON}\nContent-Length: 4\nContent-Length: 5\n\n{LOG_IN}", 400, {}),
    (f"POST /api/token/\n{JSON}\nContent-Length: +4\n\n{LOG_IN}", 400, {}),
    (f"POST /api/token/\n{JSON}\nContent-Length : 4\n\n{LOG_IN}", 400, {}),
    ("GET /healthz\nHost: evil.example", 400, {}),
]


@pytest.mark.parametrize(("request_", "status", "headers"), TABLE, ids=[row[0][:60] for row in TABLE])
def test_a_raw_request_is_answered_as_the_table_says(shape, request_, status, headers):
    wanted = status if isinstance(status, int) else status[shape.name == "split"]

    answer = send(shape, request_)

    assert (answer.status, {name: answer.headers[name] for name in headers if headers[name] is not ANY}) == (
        wanted,
        {name: value for name, value in headers.items() if value is not ANY},
    )
    assert all(answer.headers[name] for name in headers)


@pytest.mark.parametrize("path", ["/api/orders/?name=\udce9", "/api/caf\udce9/"])
def test_what_no_service_would_answer_with_words_the_gateway_does(split, path):
    answer = send(split, f"GET {path}")

    assert (answer.status, answer.headers["Content-Type"]) == (400, "application/problem+json")
    assert answer.headers["X-Request-ID"]


def test_what_is_answered_leaves_the_shop_alive(shape):
    assert send(shape, "GET /healthz").status == 200


def send(shape, text):
    """The answer to a request of the table."""
    head, _, body = text.partition("\n\n")
    line, *headers = head.split("\n")
    address = urlsplit(shape.url)
    lines = [f"{line} HTTP/1.1", f"Host: {address.netloc}", "Connection: close", *headers]
    text = "\r\n".join([*lines, "", body]).encode(errors="surrogateescape")
    answer = http.client.HTTPResponse(FakeSocket(exchange(address, text)))
    answer.begin()
    return answer


def exchange(address, text, tries=5):
    """What comes back. Who answers before all was read may reset the connection, and then the answer can be lost."""
    with socket.create_connection((address.hostname, address.port), timeout=20) as end:
        try:
            end.sendall(text)
            return b"".join(iter(lambda: end.recv(65_536), b""))
        except ConnectionError:
            if tries == 1:
                raise
    return exchange(address, text, tries - 1)


class FakeSocket:
    """What was received, for http.client to read."""

    def __init__(self, received):
        self.received = received

    def makefile(self, *_):
        return io.BytesIO(self.received)
