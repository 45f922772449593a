"""Request counts and durations for /metrics."""

from collections.abc import Callable
from functools import cache
from time import perf_counter

from django.http import HttpRequest, HttpResponse
from prometheus_client import Counter, Histogram

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
