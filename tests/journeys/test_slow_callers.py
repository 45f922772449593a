"""Callers who take their time, at a process without the gateway: they are thrown out, and everybody else is served."""

import asyncio
import http.client
import json
import select
import socket
import sqlite3
import time
from contextlib import ExitStack, closing

import pytest

from config.server import CONNECTIONS, HEADER_DEADLINE
from tests.journeys.processes import manage, serving

rsgi = pytest.importorskip("config.rsgi", reason="needs granian, of requirements/prod.txt", exc_type=ImportError)

pytestmark = pytest.mark.slow

LOG_IN = b'{"email": "nobody@example.com", "password": "wrong words here"}'
DATABASE = "shop.sqlite3"
THREADS = 32
LATE = 10
"""Seconds more than a deadline that a busy machine may take."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    own = {"DATABASE_URL": f"sqlite:///{folder / DATABASE}", "LOG_LEVEL": "ERROR"}
    manage(own, "migrate", "--verbosity", "0")
    with serving(own, folder / "log", threads=THREADS) as process:
        yield process


@pytest.fixture
def connect(shop):
    """Connections that have sent some bytes; closed with the test."""
    with ExitStack() as stack:
        yield lambda sent=b"": stack.enter_context(open_socket(shop.port, sent))


def open_socket(port, sent):
    end = socket.create_connection(("127.0.0.1", port), timeout=HEADER_DEADLINE + 4)
    end.sendall(sent)
    return end


def begin(path, length, media_type="application/json"):
    """The headers of a request with a body."""
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Type: {media_type}", length, "", ""]
    return "\r\n".join(lines).encode()


def drip(ends, byte, seconds):
    """Send a byte on each, again and again, until the time is over; those that were closed are left out."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for end in ends:
            try:
                end.sendall(byte)
            except OSError:
                continue
        time.sleep(0.2)


def answer_on(end):
    """The status and the code of the answer; 0 if the connection was closed without one."""
    answer = http.client.HTTPResponse(end)
    try:
        answer.begin()
        return answer.status, json.loads(answer.read() or b"{}").get("code")
    except (http.client.HTTPException, OSError):
        return 0, None


def is_closed(end):
    """Whether the server closes it in time."""
    try:
        while end.recv(65_536):
            continue
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize("length", ["Content-Length: 100", "Transfer-Encoding: chunked"])
def test_more_bodies_that_drip_than_threads_leave_others_served(shop, connect, length):
    ends = [connect(begin("/api/token/", length) + (b"1\r\n{" if "chunked" in length else b"{")) for _ in range(40)]
    time.sleep(1)

    assert [shop.ask(path) for path in ("/healthz", "/api/products/", "/login/")] == [200, 401, 200]
    drip(ends[:4], b"\r\n1\r\n " if "chunked" in length else b" ", rsgi.BODY_DEADLINE)
    assert {answer_on(end) for end in ends} == {(408, "too-slow")}
    assert all(is_closed(end) for end in ends)


def test_a_body_that_takes_its_time_within_the_deadline_is_taken(connect):
    end = connect(begin("/api/token/", f"Content-Length: {len(LOG_IN)}"))
    for byte in (LOG_IN[:1], LOG_IN[1:30], LOG_IN[30:]):
        time.sleep(1)
        end.sendall(byte)

    assert answer_on(end) == (401, "invalid-credentials")


@pytest.mark.parametrize(
    ("spaces", "answer"),
    [(rsgi.MAX_PARTS // 2, (401, "invalid-credentials")), (rsgi.MAX_PARTS + 100, (408, "too-slow"))],
)
def test_a_body_comes_in_so_many_parts_at_the_most(connect, spaces, answer):
    end = connect(begin("/api/token/", "Transfer-Encoding: chunked"))
    end.sendall(b"1\r\n \r\n" * spaces + b"%x\r\n%s\r\n0\r\n\r\n" % (len(LOG_IN), LOG_IN))

    assert answer_on(end) == answer


def test_no_more_parts_of_a_body_are_read_than_are_taken():
    async def receive(body):
        return await rsgi.Application().read(endless(), body)

    body = bytearray()

    assert not asyncio.run(receive(body))
    assert len(body) == rsgi.MAX_PARTS + 1


async def endless():
    """What comes from a caller who sends one byte after the other."""
    while True:
        yield b" "


def test_a_form_that_breaks_off_is_not_taken_for_a_shorter_one(shop, connect):
    end = connect(begin("/oauth/revoke", "Content-Length: 100", "application/x-www-form-urlencoded"))
    end.sendall(b"client_id=web&token=x")
    end.shutdown(socket.SHUT_WR)

    assert answer_on(end)[0] in (0, 408)
    assert "Traceback" not in shop.log.read_text()


NOTHING_MORE = [
    b"",
    b"P",
    b"PRI * HTTP/2.0\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
]
"""What callers send who then say nothing more; the last one has its answer."""


def test_whoever_says_nothing_or_not_all_is_thrown_out(connect):
    ends = {sent: connect(sent) for sent in NOTHING_MORE}
    dripping = connect(b"GET / HTTP/1.1\r\nX: ")

    drip([dripping], b"x", HEADER_DEADLINE + 1)

    assert {sent: is_closed(end) for sent, end in ends.items()} == dict.fromkeys(ends, True)
    assert is_closed(dripping)


def test_connections_that_say_nothing_shut_nobody_out(shop, connect):
    ends = [connect() for _ in range(1050)]

    assert shop.ask("/healthz") == 200
    assert all(is_closed(end) for end in ends)


def test_beyond_the_bound_one_waits_until_others_are_thrown_out(shop, connect):
    for _ in range(CONNECTIONS + 50):
        connect()
    started = time.monotonic()

    statuses = [0]
    while statuses[-1] != 200 and time.monotonic() < started + HEADER_DEADLINE + LATE:
        statuses.append(shop.ask("/healthz"))

    assert statuses[-1] == 200


def test_headers_have_a_bound(connect):
    end = connect(
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
        + b"".join(b"X-%d: %s\r\n" % (n, b"x" * 30_000) for n in range(6))
    )

    assert answer_on(end)[0] in (0, 431)


def test_while_every_thread_waits_the_process_says_that_it_lives(shop, connect):
    request = begin("/api/token/", f"Content-Length: {len(LOG_IN)}") + LOG_IN
    with closing(sqlite3.connect(shop.log.with_name(DATABASE), isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        waiting = [connect(request) for _ in range(2 * THREADS)]
        time.sleep(2)

        assert shop.ask("/healthz") == 200
        assert select.select(waiting, [], [], 0)[0] == []


def test_answers_that_nobody_reads_hold_no_thread(shop, connect):
    path = b"/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"
    for _ in range(40):
        connect(b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
    time.sleep(1)

    assert shop.ask("/healthz") == 200
