"""The RSGI application, for `config.server`: a thread is spent on a request once it has come whole, not before."""

import asyncio
import io
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any, Protocol

from django.conf import settings
from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]
from prometheus_client import Gauge

from config.request_body import IS_LATE, body_length
from config.wsgi import application as django

BODY_DEADLINE = 10.0
"""Seconds that a whole body may take (RFC 9110 15.5.9)."""
FILE_DEADLINE = 60.0
"""Seconds that a file may take, from its first byte."""
SEND_DEADLINE = 10.0
"""Seconds that a part of a streamed answer may wait until the caller takes it."""
MAX_HELD = 64 * 1024 * 1024
"""Bytes of bodies that a process holds; who comes then is refused as one who is late."""
MAX_PARTS = 1000
"""Parts in which a body comes, each a turn of the loop: a packet of any network holds more than the largest body has
on average. Who sends more is refused as one who is late."""
READ_AHEAD = 2 * 1024 * 1024
"""Bytes of a streamed answer that are put together and sent at once, so that no thread waits for a slow reader."""
UNDER_WAY = Gauge("tessera_requests_under_way", "Requests that have a thread or wait for one")

Headers = list[tuple[str, str]]


class Scope(Protocol):
    """What granian says of a request; `path` is percent-decoded."""

    http_version: str
    server: str
    client: str
    scheme: str
    method: str
    path: str
    query_string: str
    headers: Any


class Application:
    """Django behind granian. https://github.com/emmett-framework/granian/blob/master/docs/spec/RSGI.md"""

    held = 0

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.threads = ThreadPoolExecutor(settings.THREADS, "request")
        # Whether the process lives can be asked while every other thread waits for something.
        self.probes = ThreadPoolExecutor(1, "probe")

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Tell the last spans: a process of granian ends without what others do then (`atexit`)."""
        if settings.OTLP_ENDPOINT:
            from config import tracing  # noqa: PLC0415 - its libraries are there only then

            tracing.stop()

    async def __rsgi__(self, scope: Scope, protocol: Any) -> None:
        environ, body = describe(scope), bytearray()
        try:
            await self.receive(environ, protocol, body)
            await self.run(environ, protocol)
        finally:
            self.held -= len(body)

    async def receive(self, environ: dict[str, Any], protocol: Any, body: bytearray) -> None:
        """Read the body, if it is no larger than a request without a file may be; a file is left to who wants it."""
        is_chunked, length = "HTTP_TRANSFER_ENCODING" in environ, body_length(environ)
        if length > settings.DATA_UPLOAD_MAX_MEMORY_SIZE and not is_chunked:
            environ["wsgi.input"] = io.BufferedReader(IncomingFile(protocol, self.loop))
        elif length or is_chunked:
            environ[IS_LATE] = not await self.read(protocol, body) or len(body) < length
            environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(body), str(len(body))
            if len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
                environ["CONTENT_LENGTH"] = str(sys.maxsize)

    async def read(self, protocol: Any, body: bytearray) -> bool:
        """Put a body together until it is whole, too large or in too many parts; whether it came in time."""
        parts = 0
        try:
            async with asyncio.timeout(BODY_DEADLINE):
                async for part in protocol:
                    body += part
                    self.held += len(part)
                    parts += 1
                    if parts > MAX_PARTS:
                        return False
                    if self.held > MAX_HELD or len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
                        return self.held <= MAX_HELD
        except (TimeoutError, ProtocolClosed):
            return False
        return True

    async def run(self, environ: dict[str, Any], protocol: Any) -> None:
        if environ["PATH_INFO"] == "/healthz":
            await self.loop.run_in_executor(self.probes, self.answer, environ, protocol)
            return

        with UNDER_WAY.track_inprogress():
            await self.loop.run_in_executor(self.threads, self.answer, environ, protocol)

    def answer(self, environ: dict[str, Any], protocol: Any) -> None:
        """Have Django answer, in a thread."""
        begun: list[Any] = []

        def start(status: str, headers: Headers, _: Any = None) -> Callable[[bytes], object]:
            begun.extend((int(status[:3]), headers))
            return begun.append

        response = django(environ, start)
        try:
            self.send(protocol, begun[0], begun[1], response)
        finally:
            response.close()

    def send(self, protocol: Any, status: int, headers: Headers, response: Iterable[bytes]) -> None:
        """Send an answer at once; one that is long part by part, as the caller takes them."""
        parts, size = [], 0
        rest = iter(response)
        for part in rest:
            parts.append(part)
            size += len(part)
            if size > READ_AHEAD:
                self.stream(protocol.response_stream(status, headers), chain(parts, rest))
                return
        protocol.response_bytes(status, headers, b"".join(parts))

    def stream(self, transport: Any, parts: Iterable[bytes]) -> None:
        """Send parts one by one; a caller who left, or does not take them, gets no more."""
        for part in parts:
            sent = asyncio.wait_for(transport.send_bytes(part), SEND_DEADLINE)
            try:
                asyncio.run_coroutine_threadsafe(sent, self.loop).result()
            except (TimeoutError, ProtocolClosed):
                return


class IncomingFile(io.RawIOBase):
    """A body that is taken part by part by the thread that wants it; `OSError` if it breaks off or takes too long."""

    def __init__(self, protocol: Any, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.parts, self.loop, self.left = aiter(protocol), loop, b""
        self.deadline = time.monotonic() + FILE_DEADLINE

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = self.left or asyncio.run_coroutine_threadsafe(self.take(), self.loop).result()
        size = min(len(part), len(buffer))
        buffer[:size], self.left = part[:size], part[size:]
        return size

    async def take(self) -> bytes:
        """The next part; empty after the last one."""
        try:
            async with asyncio.timeout(self.deadline - time.monotonic()):
                return await anext(self.parts, b"")
        except ProtocolClosed as error:
            raise ConnectionError("The body broke off.") from error


def describe(scope: Scope) -> dict[str, Any]:
    """The environment of a request as WSGI has it (PEP 3333)."""
    server, _, port = scope.server.rpartition(":")
    environ = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": server,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in read_headers(scope):
        # With a `_` it would pass for the one with a `-` that a proxy in front has written.
        if "_" not in name:
            add_header(environ, name.upper().replace("-", "_"), value)
    return environ


def read_headers(scope: Scope) -> Headers:
    """The headers of a request. One that is not in ASCII, which granian leaves out, is `?`: wrong, and not as if it
    were not there, but for cookies, where somebody else's is no reason to refuse ours."""
    headers = list(scope.headers.items())
    left_out = {*scope.headers.keys()} - {name for name, _ in headers} - {"cookie"}
    return headers + [(name, "?") for name in sorted(left_out)]


def add_header(environ: dict[str, Any], name: str, value: str) -> None:
    """One that is repeated is a list (RFC 9110 5.3), and cookies are one as well (RFC 9113 8.2.3)."""
    key = name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"
    separator = ";" if name == "COOKIE" else ","
    environ[key] = f"{environ[key]}{separator}{value}" if key in environ else value


application = Application()
