"""A client that asks much and costs little: keep-alive connections, each with one request under way."""

import asyncio
import time
from dataclasses import dataclass, field

from benchmarks.processes import HOST


@dataclass
class Answers:
    """What came back: how long each took (seconds), how often each status."""

    latencies: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    seconds: float = 0.0

    def percentile(self, part: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * part), len(ordered) - 1)]


def write_request(method: str, path: str, token: str = "", body: bytes = b"", **headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}", "X-Forwarded-Proto: https", "X-Forwarded-For: 127.0.0.1"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if body or method != "GET":
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Connection(asyncio.Protocol):
    """One connection that sends the next request as soon as the last is answered."""

    def __init__(self, requests, answers: Answers, until, done: asyncio.Future) -> None:
        self.requests, self.answers, self.until, self.done = requests, answers, until, done
        self.buffer = b""
        self.wanted = 0

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.send()

    def send(self) -> None:
        request = None if self.until() else next(self.requests, None)
        if request is None:
            self.transport.close()
            if not self.done.done():
                self.done.set_result(None)
            return
        self.began = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.wanted:
            head = self.buffer.find(b"\r\n\r\n")
            if head < 0:
                return
            self.wanted = head + 4 + read_length(self.buffer[:head])
        if len(self.buffer) >= self.wanted:
            self.answers.latencies.append(time.perf_counter() - self.began)
            status = int(self.buffer[9:12])
            self.answers.statuses[status] = self.answers.statuses.get(status, 0) + 1
            self.buffer, self.wanted = b"", 0
            self.send()

    def connection_lost(self, error) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server hung up"))


def read_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:])
    return 0


def run(port: int, requests, *, clients: int, seconds: float = 0, count: int = 0) -> Answers:
    """Send requests over `clients` connections for some seconds, or until `count` were sent."""
    return asyncio.run(drive(port, requests, clients, seconds, count))


async def drive(port, requests, clients, seconds, count) -> Answers:
    answers, loop = Answers(), asyncio.get_running_loop()
    requests = iter(requests)
    if count:
        requests = (request for request, _ in zip(requests, range(count), strict=False))
    deadline = time.perf_counter() + (seconds or 600)
    began = time.perf_counter()
    done = [loop.create_future() for _ in range(clients)]
    for future in done:
        await loop.create_connection(
            lambda future=future: Connection(requests, answers, lambda: time.perf_counter() >= deadline, future),
            "127.0.0.1", port,
        )  # fmt: skip
    await asyncio.gather(*done)
    answers.seconds = time.perf_counter() - began
    return answers


def ask(port: int, request: bytes) -> tuple[int, bytes]:
    """One request on a connection of its own: the status and the body."""
    import socket

    with socket.create_connection(("127.0.0.1", port), timeout=30) as line:
        line.sendall(request)
        text = b""
        while b"\r\n\r\n" not in text:
            text += take(line)
        head, _, body = text.partition(b"\r\n\r\n")
        while len(body) < read_length(head):
            body += take(line)
    return int(head[9:12]), body


def take(line) -> bytes:
    data = line.recv(65536)
    if not data:
        raise ConnectionError("the server hung up")
    return data
