"""One HTTP request to a neighbour, bounded in time and in size."""

import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
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


class OutgoingRequest(NamedTuple):
    """What is sent, with headers beside those of every request."""

    method: str = "GET"
    body: bytes | None = None
    headers: Mapping[str, str] = MappingProxyType({})


def fetch(url: str, request: OutgoingRequest | None = None, *, timeout: float, limit: int) -> Response:
    """Send a request (GET, by default), for at most `timeout` seconds in all and `limit` bytes of body.

    A redirect is not followed, and no proxy of the environment is used. Raises `NoResponse`.
    """
    deadline = monotonic() + timeout
    path = urlsplit(url)._replace(scheme="", netloc="").geturl()
    connection = new_connection(url, timeout)
    try:
        connection.connect()
        return send(connection, path, request or OutgoingRequest(), deadline=deadline, limit=limit)
    except (OSError, HTTPException) as error:
        raise NoResponse(f"{url}: {error or type(error).__name__}") from error
    finally:
        connection.close()


def new_connection(url: str, timeout: float) -> HTTPConnection:
    """A connection yet to be opened; `timeout` bounds each wait on it."""
    address = urlsplit(url)
    if address.scheme == "https":
        return HTTPSConnection(address.netloc, timeout=timeout, context=tls_context())

    return HTTPConnection(address.netloc, timeout=timeout)


tls_context = cache(ssl.create_default_context)
"""The certificate authorities that this machine trusts; read once, since it takes milliseconds."""


def send(connection: HTTPConnection, path: str, request: OutgoingRequest, *, deadline: float, limit: int) -> Response:
    # A socket's timeout starts anew with every byte that drips in; the watchdog's does not.
    watchdog = threading.Timer(deadline - monotonic(), shut_down, [connection.sock])
    watchdog.daemon = True
    watchdog.start()
    try:
        connection.request(request.method, path, request.body, {**HEADERS, **request.headers})
        response = connection.getresponse()
        body = response.read(limit + 1)
    finally:
        watchdog.cancel()

    if response.length or len(body) > limit or monotonic() >= deadline:
        raise NoResponse(f"{path} is too slow, too long or cut off")
    return Response(response.status, body)


def shut_down(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
