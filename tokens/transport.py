"""One question to accounts over HTTP, bounded in time and in size."""

import socket
import ssl
import threading
from contextlib import suppress
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from time import monotonic
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

# An answer as it is now: out of no cache on the way, and not compressed.
HEADERS = {"Cache-Control": "no-cache", "Accept-Encoding": "identity", "Connection": "close"}

FORM = "application/x-www-form-urlencoded"


class Unanswered(Exception):
    """Nobody is there, or the answer is too slow, too long, cut off or no HTTP."""


class Answer(NamedTuple):
    status: int
    body: bytes


def fetch(
    url: str, *, patience: float, limit: int, form: dict[str, str] | None = None, authorization: str = ""
) -> Answer:
    """GET `url`, or POST it a form; in `patience` seconds all in all, an answer of at most `limit` bytes.

    A redirect is an answer like any other and not followed; no proxy of the environment is used.
    Raises `Unanswered`.
    """
    deadline = monotonic() + patience
    connection = prepare(url, patience)
    question = write(urlsplit(url).path, form, authorization)
    try:
        connection.connect()
        return ask(connection, question, deadline=deadline, limit=limit)
    except (OSError, HTTPException) as error:
        raise Unanswered(f"{url}: {error or type(error).__name__}") from error
    finally:
        connection.close()


class Question(NamedTuple):
    method: str
    path: str
    body: bytes | None
    headers: dict[str, str]


def write(path: str, form: dict[str, str] | None, authorization: str) -> Question:
    headers = HEADERS | ({"Authorization": authorization} if authorization else {})
    if form is None:
        return Question("GET", path, None, headers)

    return Question("POST", path, urlencode(form).encode(), {**headers, "Content-Type": FORM})


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


def ask(connection: HTTPConnection, question: Question, *, deadline: float, limit: int) -> Answer:
    # A socket's timeout starts anew with every byte that drips in; the watchdog's does not.
    watchdog = threading.Timer(deadline - monotonic(), hang_up, [connection.sock])
    watchdog.daemon = True
    watchdog.start()
    try:
        connection.request(*question)
        response = connection.getresponse()
        body = response.read(limit + 1)
    finally:
        watchdog.cancel()

    if response.length or len(body) > limit or monotonic() >= deadline:
        raise Unanswered(f"{question.path} is too slow, too long or cut off")
    return Answer(response.status, body)


def hang_up(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
