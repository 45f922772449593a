"""One question to a neighbour over HTTP, bounded in time and in size."""

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

# An answer as it is now: out of no cache on the way, and not compressed.
HEADERS = {"Cache-Control": "no-cache", "Accept-Encoding": "identity", "Connection": "close"}


class Unanswered(Exception):
    """Nobody is there, or the answer is too slow, too long, cut off or no HTTP."""


class Answer(NamedTuple):
    status: int
    body: bytes


class Question(NamedTuple):
    """What is asked, with headers beside those of every question."""

    method: str = "GET"
    body: bytes | None = None
    headers: Mapping[str, str] = MappingProxyType({})


def fetch(url: str, question: Question | None = None, *, patience: float, limit: int) -> Answer:
    """Ask at `url` (GET, without a question); in `patience` seconds all in all, for at most `limit` bytes.

    A redirect is an answer like any other and not followed; no proxy of the environment is used.
    Raises `Unanswered`.
    """
    deadline = monotonic() + patience
    connection = prepare(url, patience)
    try:
        connection.connect()
        return ask(connection, find_path(url), question or Question(), deadline=deadline, limit=limit)
    except (OSError, HTTPException) as error:
        raise Unanswered(f"{url}: {error or type(error).__name__}") from error
    finally:
        connection.close()


def find_path(url: str) -> str:
    """What stands behind the host of an address, the query included."""
    address = urlsplit(url)
    return f"{address.path}?{address.query}" if address.query else address.path


def prepare(url: str, patience: float) -> HTTPConnection:
    """A connection yet to be opened; `patience` bounds each wait on it."""
    address = urlsplit(url)
    if address.scheme == "https":
        return HTTPSConnection(address.netloc, timeout=patience, context=trust())

    return HTTPConnection(address.netloc, timeout=patience)


@cache
def trust() -> ssl.SSLContext:
    """Whom the machine trusts; read once, since it takes milliseconds."""
    return ssl.create_default_context()


def ask(connection: HTTPConnection, path: str, question: Question, *, deadline: float, limit: int) -> Answer:
    # A socket's timeout starts anew with every byte that drips in; the watchdog's does not.
    watchdog = threading.Timer(deadline - monotonic(), hang_up, [connection.sock])
    watchdog.daemon = True
    watchdog.start()
    try:
        connection.request(question.method, path, question.body, {**HEADERS, **question.headers})
        response = connection.getresponse()
        body = response.read(limit + 1)
    finally:
        watchdog.cancel()

    if response.length or len(body) > limit or monotonic() >= deadline:
        raise Unanswered(f"{path} is too slow, too long or cut off")
    return Answer(response.status, body)


def hang_up(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
