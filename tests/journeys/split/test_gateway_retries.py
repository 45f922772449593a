"""Of several addresses the gateway asks another when one fails, and sends nothing twice that may not be."""

import socket
import socketserver
import threading
import time
from contextlib import ExitStack, suppress

import pytest
import requests

from tests.journeys.processes import free_port
from tests.journeys.split.shapes import routing
from tokens.registry import services

pytestmark = pytest.mark.slow

KEY = {"Idempotency-Key": '"one"'}


class Upstream(socketserver.ThreadingTCPServer):
    """A service that writes down whom it heard, and then answers, hangs up or is silent."""

    allow_reuse_address, daemon_threads = True, True

    def __init__(self, *, answers: str = "200 OK", port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.answers, self.heard, self.connections = answers, [], []
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, args=[0.02], daemon=True).start()

    def close(self) -> None:
        self.shutdown()
        self.server_close()
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        self.server.connections.append(self.connection)
        while line := self.rfile.readline().decode():
            self.read_rest()
            self.server.heard.append(line.rpartition(" ")[0])
            if self.server.answers == "silence":
                time.sleep(20)
            if not self.server.answers[0].isdigit():
                return
            self.wfile.write(f"HTTP/1.1 {self.server.answers}\r\nContent-Length: 2\r\n\r\nok".encode())

    def read_rest(self):
        length = 0
        while (header := self.rfile.readline().lower()) not in (b"\r\n", b""):
            if header.startswith(b"content-length:"):
                length = int(header.split(b":")[1])
        self.rfile.read(length)


class Place:
    """A gateway with two addresses for each service, which come and go."""

    def __init__(self):
        self.port = free_port()
        self.ports = [free_port(), free_port()]
        self.up = {}

    def start(self, number, **own):
        self.up[number] = Upstream(port=self.ports[number], **own)
        return self.up[number]

    def stop(self, number):
        if number in self.up:
            self.up.pop(number).close()

    def ask(self, method, path="/api/orders/", **options):
        answer = requests.request(method, f"http://127.0.0.1:{self.port}{path}", timeout=20, **options)
        return answer.status_code


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    place = Place()
    ports = dict.fromkeys(services(), place.ports)
    with routing(tmp_path_factory.mktemp("retries") / "gateway", place.port, ports):
        yield place


@pytest.fixture
def place(gateway):
    with ExitStack() as stack:
        for number in (0, 1):
            stack.callback(gateway.stop, number)
        yield gateway


def ask_often(place, method, times=6, **options):
    """Whichever of the two is asked first."""
    return {place.ask(method, **options) for _ in range(times)}


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_whatever_did_not_reach_one_goes_to_the_other(place, method):
    place.start(1)

    assert ask_often(place, method) == {200}


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/api/orders/", {}),
        ("HEAD", "/products/", {}),
        ("POST", "/api/orders/", KEY),
        ("PATCH", "/api/products/1/", KEY),
        ("POST", "/api/token/", {}),
        ("POST", "/api/token/refresh/", {}),
        ("POST", "/oauth/token", {}),
    ],
)
def test_what_may_be_repeated_is_sent_again_when_one_hangs_up(place, method, path, headers):
    one, other = place.start(0, answers="hang up"), place.start(1)

    statuses = set()
    body = b"x" * 5000 if method == "POST" else None
    # Until it is its turn, after what it did in the test before.
    while not one.heard:
        statuses |= ask_often(place, method, path=path, headers=headers, data=body)

    assert statuses == {200}
    assert set(other.heard) == {f"{method} {path}"}


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/api/orders/"), ("POST", "/orders/"), ("PATCH", "/api/products/1/")]
)
def test_what_may_not_be_repeated_is_heard_once(place, method, path):
    both = [place.start(number, answers="hang up") for number in (0, 1)]

    statuses = [place.ask(method, path) for _ in range(4)]

    assert statuses == [503] * 4
    assert sum(len(one.heard) for one in both) == 4


def test_an_answer_is_an_answer_whatever_it_says(place):
    both = [place.start(number, answers="503 Service Unavailable") for number in (0, 1)]

    assert ask_often(place, "GET", times=4) == {503}
    assert sum(len(one.heard) for one in both) == 4


def test_a_slow_answer_is_not_waited_for_twice(place):
    both = [place.start(number, answers="silence") for number in (0, 1)]

    assert place.ask("POST", headers=KEY) == 503
    assert sum(len(one.heard) for one in both) == 1


def test_after_all_were_away_the_first_one_back_is_asked_at_once(place):
    assert ask_often(place, "GET") == {503}

    place.start(0)

    assert ask_often(place, "GET") == {200}


def test_restarts_one_after_the_other_are_not_seen(place):
    statuses = set()
    place.start(0), place.start(1)
    for number in [0, 1] * 4:
        place.stop(number)
        statuses |= ask_often(place, "GET") | ask_often(place, "POST", headers=KEY) | ask_often(place, "POST")
        place.start(number)

    assert statuses == {200}


def test_nobody_reaches_the_way_for_what_is_repeated_by_asking_for_it(place):
    place.start(0)

    assert place.ask("GET", "/@again") == 200
    assert place.ask("GET", "/-/418") == 404


def test_an_error_after_a_retry_is_said_as_the_address_would(place):
    answer = requests.post(f"http://127.0.0.1:{place.port}/api/orders/", headers=KEY, timeout=20)

    assert (answer.status_code, answer.headers["Content-Type"]) == (503, "application/problem+json")
    assert answer.json()["detail"].startswith("Your orders cannot be reached")
    assert answer.headers["Retry-After"] == "5"
