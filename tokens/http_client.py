"""One HTTP request to a neighbour, bounded in time and in size."""

import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from email.utils import parsedate_to_datetime
from functools import cache, partial
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from time import monotonic
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import urlsplit

# A response as it is now: out of no cache on the way, and not compressed.
HEADERS = {"Cache-Control": "no-cache", "Accept-Encoding": "identity", "Connection": "close"}


class NoResponse(Exception):
    """Nobody is there, or the response is too slow, too long, cut off or no HTTP."""


class Response(NamedTuple):
    status: int
    body: bytes


class DatedResponse(Response):
    """A response with when it was made, in seconds since the epoch, by the clock of whoever made it."""

    date: int | None = None


class OutgoingRequest(NamedTuple):
    """What is sent, with headers beside those of every request."""

    method: str = "GET"
    body: bytes | None = None
    headers: Mapping[str, str] = MappingProxyType({})


Wrapper = Callable[[str, OutgoingRequest, Callable[[str, OutgoingRequest], DatedResponse]], DatedResponse]


def send_as_it_is(
    url: str, request: OutgoingRequest, fetch: Callable[[str, OutgoingRequest], DatedResponse]
) -> DatedResponse:
    return fetch(url, request)


wrapper: Wrapper = send_as_it_is
"""What every request is sent by: something that looks on, or adds headers (`config.tracing`)."""


def fetch(url: str, request: OutgoingRequest | None = None, *, timeout: float, limit: int) -> DatedResponse:
    """Send a request (GET, by default), for at most `timeout` seconds in all and `limit` bytes of body.

    A redirect is not followed, and no proxy of the environment is used. Raises `NoResponse`.
    """
    return wrapper(url, request or OutgoingRequest(), partial(fetch_within, timeout=timeout, limit=limit))


def fetch_within(url: str, request: OutgoingRequest, *, timeout: float, limit: int) -> DatedResponse:
    """As `fetch`, in a thread that is left to itself when the time is over.

    No wait has an end that holds for all of it: whoever asks for the address of a name waits half a minute if no name
    server answers, and cannot be interrupted; each address of a host has a timeout of its own, and so has every byte
    that drips in.
    """
    deadline = monotonic() + timeout
    path = urlsplit(url)._replace(scheme="", netloc="").geturl()
    connection = new_connection(url, timeout)
    answered: Future[DatedResponse] = Future()
    opened: list[socket.socket] = []

    def run() -> None:
        try:
            connection.connect()
            opened.append(connection.sock)
            answered.set_result(send(connection, path, request, deadline=deadline, limit=limit))
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised where it is waited for
            answered.set_exception(error)
        finally:
            connection.close()

    threading.Thread(target=run, daemon=True, name="call").start()
    try:
        return answered.result(timeout)
    except (OSError, HTTPException) as error:
        for sock in opened:
            shut_down(sock)
        raise NoResponse(f"{url}: {str(error) or type(error).__name__}") from error


def new_connection(url: str, timeout: float) -> HTTPConnection:
    """A connection yet to be opened; `timeout` bounds each wait on it."""
    address = urlsplit(url)
    if address.scheme == "https":
        return HTTPSConnection(address.netloc, timeout=timeout, context=tls_context())

    return HTTPConnection(address.netloc, timeout=timeout)


tls_context = cache(ssl.create_default_context)
"""The certificate authorities that this machine trusts; read once, since it takes milliseconds."""


def send(
    connection: HTTPConnection, path: str, request: OutgoingRequest, *, deadline: float, limit: int
) -> DatedResponse:
    left = deadline - monotonic()
    if left <= 0:
        raise TimeoutError

    # So that nobody works on for a caller who has given up.
    own = {**HEADERS, "X-Request-Timeout": f"{max(0.001, left):.3f}"}
    connection.request(request.method, path, request.body, {**own, **request.headers})
    response = connection.getresponse()
    body = response.read(limit + 1)
    if response.length or len(body) > limit or monotonic() >= deadline:
        raise NoResponse(f"{path} is too slow, too long or cut off")

    dated = DatedResponse(response.status, body)
    dated.date = read_date(response.getheader("Date", ""))
    return dated


def read_date(text: str) -> int | None:
    """A `Date` (RFC 9110 6.6.1) in seconds since the epoch; None if it is none."""
    try:
        return int(parsedate_to_datetime(text).timestamp())
    except (ValueError, OverflowError):
        return None


def shut_down(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
