"""A collector of traces (OTLP over HTTP) that a test can ask what it was told, and have fall silent."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import pytest

PROTO = "opentelemetry.proto.collector.trace.v1.trace_service_pb2"
protocol = pytest.importorskip(PROTO, reason="what production installs for traces is not installed")


class Span(NamedTuple):
    """A span as it was told, with the name of the process that told it."""

    service: str
    name: str
    trace: str
    parent: str
    id: str
    attributes: dict[str, str]


class Collector(ThreadingHTTPServer):
    """Notes every span; while it does not speak it takes requests and answers none."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.spans: list[Span] = []
        self.headers: list[dict[str, str]] = []
        self.speaks, self.asked_in_vain = threading.Event(), threading.Event()
        self.speaks.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def of(self, trace: str) -> list[Span]:
        return [span for span in self.spans if span.trace == trace]


class Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.server.speaks.is_set():
            self.server.asked_in_vain.set()
            self.server.speaks.wait(60)
        if self.path == "/v1/traces":
            self.server.headers.append(dict(self.headers))
            self.server.spans += read_spans(body)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def read_spans(body: bytes) -> Iterator[Span]:
    for told in protocol.ExportTraceServiceRequest.FromString(body).resource_spans:
        service = read(told.resource.attributes)["service.name"]
        for span in [span for scope in told.scope_spans for span in scope.spans]:
            trace, parent, own = (each.hex() for each in (span.trace_id, span.parent_span_id, span.span_id))
            yield Span(service, span.name, trace, parent, own, read(span.attributes))


def read(attributes) -> dict[str, str]:
    return {each.key: each.value.string_value or str(each.value.int_value) for each in attributes}


@contextmanager
def collecting() -> Iterator[Collector]:
    with Collector() as collector:
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        try:
            yield collector
        finally:
            collector.speaks.set()
            collector.shutdown()
