"""The real stack on loopback: a WSGI server, what one says to it, and an ear that must hear nothing."""

import http.client
import socketserver
import threading
from contextlib import contextmanager
from typing import Any, NamedTuple

import orjson
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer
from django.test.testcases import QuietWSGIRequestHandler


class Answer(NamedTuple):
    """An answer as it came over the wire."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def problem(self) -> Any:
        return orjson.loads(self.body)


class Server:
    """A service on a port; `Host` is as browsers send it."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, path: str, *headers: tuple[str, str | bytes], method: str = "GET", body: bytes | None = None):
        """One request with just these headers, repeated ones too."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        told = Answer(answer.status, answer.headers, answer.read())
        connection.close()
        return told

    def bear(self, path: str, token: str, **asked: Any) -> Answer:
        """One request with a Bearer token."""
        return self.ask(path, ("Authorization", f"Bearer {token}".encode("latin-1")), **asked)


@contextmanager
def serve():
    """This process's own application behind Django's WSGI server."""
    httpd = ThreadedWSGIServer(("127.0.0.1", 0), QuietWSGIRequestHandler)
    httpd.daemon_threads = True
    httpd.set_app(WSGIHandler())
    thread = threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield Server(httpd.server_port)
    httpd.shutdown()
    httpd.server_close()
    thread.join()


class Ear:
    """A port on which somebody hopes to be asked; `heard` counts who came."""

    def __init__(self) -> None:
        self.heard = 0
        self.port = 0


@contextmanager
def listen():
    ear = Ear()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            ear.heard += 1

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as listener:
        ear.port = listener.server_address[1]
        threading.Thread(target=listener.serve_forever, args=(0.02,), daemon=True).start()
        yield ear
        listener.shutdown()
