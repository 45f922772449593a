"""A proxy before PostgreSQL that counts how often its clients wait for it, and can make the way there longer."""

import argparse
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import SimpleQueue

CHUNK = 65_536
ASKING = b"QSH"
"""Messages after which a client waits for the server: a simple query, Sync and Flush. After a Sync, a Flush asks for
nothing more."""
STARTUP = 196_608
"""The version of the protocol (3.0), with which a session begins; before it a client may ask for TLS."""


class Counter:
    """Reads what one client sends, and counts the messages after which it waits."""

    def __init__(self) -> None:
        self._left = self._last = b""
        self._has_begun = False

    def read(self, data: bytes) -> int:
        self._left += data
        trips = 0
        for kind in self._messages():
            trips += kind in ASKING and not (kind == b"H" and self._last == b"S")
            self._last = kind
        return trips

    def _messages(self) -> Iterator[bytes]:
        """The kinds of the messages that are whole; those before the session has begun have none."""
        while len(self._left) >= (head := 4 + self._has_begun):
            length = int.from_bytes(self._left[head - 4 : head], "big") + head - 4
            if len(self._left) < length:
                return
            message, self._left = self._left[:length], self._left[length:]
            if self._has_begun:
                yield message[:1]
            self._has_begun = self._has_begun or int.from_bytes(message[4:8], "big") == STARTUP


class Proxy:
    """Answers at `port` of this machine; each answer of the server takes `delay` seconds more to arrive."""

    def __init__(self, server: tuple[str, int], *, delay: float = 0.0, port: int = 0) -> None:
        self.server, self.delay = server, delay
        self.trips = 0
        self._lock = threading.Lock()
        self._door = socket.create_server(("127.0.0.1", port), backlog=256)
        self.port = self._door.getsockname()[1]

    def run(self) -> None:
        """Serve until it is closed."""
        with suppress(OSError):
            while True:
                self._serve(self._door.accept()[0])

    def close(self) -> None:
        with suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()

    def _serve(self, client: socket.socket) -> None:
        server = socket.create_connection(self.server)
        for line in (client, server):
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        arriving: SimpleQueue[tuple[float, bytes]] = SimpleQueue()
        for work in (
            (self._forward, client, server),
            (self._receive, server, arriving),
            (self._answer, arriving, client),
        ):
            threading.Thread(target=work[0], args=work[1:], daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        counter = Counter()
        for data in read(client):
            with self._lock:
                self.trips += counter.read(data)
            server.sendall(data)
        end(server)

    def _receive(self, server: socket.socket, arriving: "SimpleQueue[tuple[float, bytes]]") -> None:
        for data in read(server):
            arriving.put((time.perf_counter() + self.delay, data))
        arriving.put((0.0, b""))

    def _answer(self, arriving: "SimpleQueue[tuple[float, bytes]]", client: socket.socket) -> None:
        due, data = arriving.get()
        while data:
            time.sleep(max(0.0, due - time.perf_counter()))
            with suppress(OSError):
                client.sendall(data)
            due, data = arriving.get()
        end(client)


def read(line: socket.socket) -> Iterator[bytes]:
    """What comes over a socket, until it ends."""
    with suppress(OSError):
        while data := line.recv(CHUNK):
            yield data


def end(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


@contextmanager
def counting(server: tuple[str, int], *, delay: float = 0.0) -> Iterator[Proxy]:
    """A proxy in a thread of this process, for as long as the block lasts."""
    proxy = Proxy(server, delay=delay)
    threading.Thread(target=proxy.run, daemon=True).start()
    try:
        yield proxy
    finally:
        proxy.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.round_trips", description=__doc__)
    parser.add_argument("host")
    parser.add_argument("server_port", type=int)
    parser.add_argument("port", type=int)
    parser.add_argument("delay", type=float, help="seconds that each answer takes longer")
    wish = parser.parse_args()
    Proxy((wish.host, wish.server_port), delay=wish.delay, port=wish.port).run()


if __name__ == "__main__":
    main()
