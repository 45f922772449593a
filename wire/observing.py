"""What is told about every request: figures for /metrics, and one line in the log."""

import re
from collections.abc import Callable
from functools import cache
from time import perf_counter

import structlog
from django.http import HttpRequest, HttpResponse
from django_structlog.middlewares import RequestMiddleware
from prometheus_client import Counter, Histogram

SECRET = re.compile(r"^/password-reset/[^/]+/.+", re.DOTALL)
"""The path of a link by mail, which opens an account until it was used."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
REQUESTS = Counter("tessera_http_requests", "Requests answered", ["route", "method", "status"])
SECONDS = Histogram("tessera_http_request_seconds", "Seconds from a request to its answer", ["route", "method"])


class MetricsMiddleware:
    """Count every request, and how long it took, by its route (never by its address)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = perf_counter()
        response = self.get_response(request)
        route = request.resolver_match.route if request.resolver_match else "none"
        method = request.method if request.method in METHODS else "other"
        count_requests(route, method, response.status_code).inc()
        measure_seconds(route, method).observe(perf_counter() - began)
        return response


# To find a metric by its labels takes longer than to change it.
count_requests = cache(REQUESTS.labels)
measure_seconds = cache(SECONDS.labels)


class LogMiddleware(RequestMiddleware):
    """Log a request when it is answered; that it came is worth no line."""

    def prepare(self, request: HttpRequest) -> None:
        request_id = request.META["HTTP_X_REQUEST_ID"]
        structlog.contextvars.bind_contextvars(request_id=request_id, ip=request.META.get("REMOTE_ADDR", ""))

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        """Method and path; what follows the path, or is a key to an account, is nobody's to read in a log."""
        return f"{request.method} {SECRET.sub('/password-reset/***/', request.path)}"
