"""What /metrics tells of a process: its requests, its jobs, its database."""

from collections.abc import Callable
from functools import cache
from time import perf_counter
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from config.periodic_jobs import read_records
from database.deadlines import places
from database.table_metrics import TableMetrics

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
REQUESTS = Counter("tessera_http_requests", "Requests answered", ["route", "method", "status"])
SECONDS = Histogram("tessera_http_request_seconds", "Seconds from a request to its answer", ["route", "method"])
Gauge("tessera_threads", "Requests that this process answers at once").set(settings.THREADS)
WAITING = Gauge("tessera_database_threads_waiting", "Threads that wait for the database just now")
WAITING.set_function(lambda: places.taken)
Gauge("tessera_database_threads", "Threads that may wait for the database at once").set(settings.DATABASE_THREADS)


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


class Jobs(TableMetrics):
    """How each periodic job went, whichever worker ran it."""

    def describe(self) -> list[Metric]:
        # Not `job`, which a collector takes for itself.
        job = ["service", "name"]
        return [
            CounterMetricFamily("tessera_job_runs", "Runs of a job by their `outcome`", labels=[*job, "outcome"]),
            GaugeMetricFamily("tessera_job_interval_seconds", "Seconds between two runs of a job", labels=job),
            GaugeMetricFamily("tessera_job_success_age_seconds", "Seconds since a job last succeeded", labels=job),
            GaugeMetricFamily("tessera_job_late_seconds", "Seconds that a job was due and untaken", labels=job),
        ]

    def fill(self, runs: Any, interval: Any, success_age: Any, late: Any) -> None:
        for record in read_records():
            job = [record.job.service, record.job.name]
            runs.add_metric([*job, "succeeded"], record.successes)
            runs.add_metric([*job, "failed"], record.failures)
            interval.add_metric(job, record.job.interval)
            success_age.add_metric(job, record.unrun)
            late.add_metric(job, record.late)
