"""A neighbour over HTTP that answers as a test tells it to."""

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Heard(NamedTuple):
    """What the neighbour was asked."""

    method: str
    path: str
    headers: dict
    body: str


class Neighbour:
    """Answers `answers` in turn, the last one for ever: a status and a body, or a function of the request."""

    def __init__(self, url):
        self.url = url
        self.answers = [(404, {})]
        self.heard = []
        self.delay = 0.0

    def answer(self, heard):
        self.heard.append(heard)
        time.sleep(self.delay)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer(heard) if callable(answer) else answer


@contextmanager
def serve():
    """Run a neighbour on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def respond(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            status, answer = neighbour.answer(Heard(self.command, self.path, dict(self.headers), body))
            text = b"" if status == 204 else answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_DELETE = respond

        def log_message(self, *args):
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request, client_address):
            """A client that gave up waiting is what some tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    neighbour = Neighbour(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield neighbour
    server.shutdown()
    server.server_close()
    thread.join()
