"""An issuer on loopback that answers as a test wants it to, down to the byte."""

import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress

import orjson

from tests.issuer import jwks, sign_list
from tokens.status_list import PATH

Script = bytes | Callable[[socket.socket], None]
"""An answer to the byte, or what is done with the line."""


def page(body: bytes | dict, status: str = "200 OK", *headers: str) -> bytes:
    """An HTTP answer."""
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(raw)}", "Connection: close", *headers]
    return "\r\n".join([*head, "", ""]).encode() + raw


class ScriptedIssuer:
    """`keys`, `lists` and `others` are the answers, made anew for each who asks; `asked` is every path."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.asked: list[str] = []
        self.errors: list[object] = []
        self.recover()

    def recover(self) -> None:
        """Answer as an issuer should."""
        self.keys: Callable[[], Script] = lambda: page(jwks())
        self.lists: Callable[[], Script] = lambda: page(sign_list().encode())
        self.others: Callable[[], Script] = lambda: page(b"", "404 Not Found")

    def answer(self, path: str, line: socket.socket) -> None:
        self.asked.append(path)
        answers = {"/.well-known/jwks.json": self.keys, f"{PATH}0": self.lists}
        script = answers.get(path, self.others)()
        if isinstance(script, bytes):
            line.sendall(script)
        else:
            script(line)


@contextmanager
def serve():
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            # Whoever asks may leave before the question is out.
            with suppress(OSError):
                if line := self.rfile.readline():
                    while self.rfile.readline().strip():
                        pass
                    issuer.answer(line.split(b" ")[1].decode(), self.connection)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False
        request_queue_size = 64

        def handle_error(self, request, client_address) -> None:
            issuer.errors.append(sys.exc_info()[1])

    with Server(("127.0.0.1", 0), Handler) as server:
        issuer = ScriptedIssuer(server.server_address[1])
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield issuer
        server.shutdown()
    assert issuer.errors == []


def drip(raw: bytes, pause: float = 0.05) -> Callable[[socket.socket], None]:
    """Send an answer byte by byte, so that no single wait is long."""

    def script(line: socket.socket) -> None:
        for byte in raw:
            line.sendall(bytes([byte]))
            time.sleep(pause)

    return script


def silence(line: socket.socket) -> None:
    """Take the question and say nothing."""
    time.sleep(30)
