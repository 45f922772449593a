"""Traces (OpenTelemetry): a span for each request, each of its statements and calls to neighbours, and each job.

Loaded only where OTEL_EXPORTER_OTLP_ENDPOINT says who collects them. The spans are our own: ready-made ones hold whole
addresses, and so links by mail and queries.
"""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db.backends.signals import connection_created
from django.http import HttpRequest, HttpResponse
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.re import parse_env_headers
from structlog.contextvars import bind_contextvars

from config import periodic_jobs
from config.periodic_jobs import Job
from tokens import http_client
from tokens.http_client import DatedResponse, OutgoingRequest
from wire.request_id import request_id

QUEUE = 2048
"""Spans that wait to be exported; while nobody takes them the oldest are dropped."""
BATCH = 512
"""Spans that are exported at once."""
DELAY = 1000
"""Milliseconds that a span waits at most for others."""
LONGEST_SQL = 2000
TABLE = re.compile(r'\b(?:FROM|INTO|UPDATE)\s+"?(\w+)')

propagator = TraceContextTextMapPropagator()
tracer = trace.get_tracer("tessera")


def start() -> None:
    """Have whatever this process does told to the collector, from a thread of its own."""
    exporter = OTLPSpanExporter(
        endpoint=f"{settings.OTLP_ENDPOINT.rstrip('/')}/v1/traces",
        headers=parse_env_headers(settings.OTLP_HEADERS, liberal=True),
        timeout=settings.OTLP_TIMEOUT,
    )
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: settings.OTLP_NAME}))
    provider.add_span_processor(BatchSpanProcessor(exporter, QUEUE, DELAY, BATCH))
    trace.set_tracer_provider(provider)
    http_client.wrapper = trace_call
    periodic_jobs.wrapper = trace_job
    connection_created.connect(watch_statements)


def stop() -> None:
    """Tell what is left, for as long as `OTEL_EXPORTER_OTLP_TIMEOUT` lets each batch take; nothing is told after it."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.shutdown()


def is_traced() -> bool:
    """Whether what is done now belongs to something that is told."""
    return trace.get_current_span().is_recording()


class TracingMiddleware:
    """A span for each request, in the trace of its caller if that has one. It names the route, never the address."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        caller = propagator.extract({"traceparent": request.META.get("HTTP_TRACEPARENT", "")})
        with tracer.start_as_current_span(str(request.method), context=caller, kind=SpanKind.SERVER) as span:
            if span.is_recording():
                bind_contextvars(trace_id=trace.format_trace_id(span.get_span_context().trace_id))
            response = self.get_response(request)
            describe_request(span, request, response.status_code)
        return response


def describe_request(span: Span, request: HttpRequest, status: int) -> None:
    route = request.resolver_match.route if request.resolver_match else "none"
    span.update_name(f"{request.method} {route}")
    span.set_attributes(
        {
            "http.request.method": str(request.method),
            "http.route": route,
            "http.response.status_code": status,
            "tessera.request_id": request_id(),
        }
    )
    if status >= 500:
        span.set_status(StatusCode.ERROR)


def trace_call(
    url: str, request: OutgoingRequest, fetch: Callable[[str, OutgoingRequest], DatedResponse]
) -> DatedResponse:
    """Send a request to a neighbour, which goes on in the same trace. What no request or job wants is not told."""
    if not is_traced():
        return fetch(url, request)

    with tracer.start_as_current_span(request.method, kind=SpanKind.CLIENT, record_exception=False) as span:
        span.set_attributes(describe_call(url, request))
        carrier: dict[str, str] = {}
        propagator.inject(carrier)
        response = fetch(url, request._replace(headers={**request.headers, **carrier}))
        span.set_attribute("http.response.status_code", response.status)
    return response


def describe_call(url: str, request: OutgoingRequest) -> dict[str, str]:
    address = urlsplit(url)
    return {
        "http.request.method": request.method,
        "server.address": address.netloc,
        "url.path": address.path,
        "tessera.request_id": request_id(),
    }


def trace_job(job: Job, run: Callable[[Job], bool]) -> bool:
    """Run a periodic job, in a trace of its own."""
    with tracer.start_as_current_span(f"job {job.service}.{job.name}") as span:
        done = run(job)
        if not done:
            span.set_status(StatusCode.ERROR)
    return done


def watch_statements(connection: Any, **_: Any) -> None:
    """Tell of each statement on a new connection."""
    if trace_statement not in connection.execute_wrappers:
        # Not at the end, where whoever adds one for a while takes it off again.
        connection.execute_wrappers.insert(0, trace_statement)


def trace_statement(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """Run a statement; what is told of it are its words, in which no values are."""
    if not is_traced():
        return execute(sql, params, many, context)

    told = describe_statement(str(sql), context["connection"].vendor)
    with tracer.start_as_current_span(
        told["db.query.summary"], kind=SpanKind.CLIENT, attributes=told, record_exception=False
    ):
        return execute(sql, params, many, context)


def describe_statement(sql: str, vendor: str) -> dict[str, str]:
    words = sql[:LONGEST_SQL]
    table = TABLE.search(words)
    summary = " ".join([words.split(None, 1)[0], *(table.groups() if table else ())])
    return {"db.system.name": vendor, "db.query.text": words, "db.query.summary": summary}
