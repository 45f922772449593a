"""Traces are off, and nothing of them loaded, unless a collector is named; then the log names the trace."""

import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import RequestFactory
from structlog.contextvars import clear_contextvars, get_contextvars

LOADED = """
import sys
import django; django.setup()
from django.core.handlers.wsgi import WSGIHandler
WSGIHandler()
print([name for name in ("opentelemetry", "opentelemetry.sdk", "config.tracing") if name in sys.modules])
"""


def start(**own):
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_URL": "sqlite://:memory:"} | own
    command = [sys.executable, "-c", LOADED]
    return subprocess.run(command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("absent", [{}, {"OTEL_EXPORTER_OTLP_ENDPOINT": ""}])
def test_without_a_collector_nothing_of_it_is_loaded(absent):
    assert start(**absent).stdout.strip() == "[]"


def test_with_a_collector_it_is_loaded():
    pytest.importorskip("opentelemetry.sdk", reason="what production installs for traces is not installed")

    done = start(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9/otlp/")

    assert done.stdout.strip() == "['opentelemetry', 'opentelemetry.sdk', 'config.tracing']"


def test_without_its_libraries_the_start_says_what_to_install():
    hidden = "import sys; sys.modules['opentelemetry'] = None\n"

    done = subprocess.run(
        [sys.executable, "-c", hidden + LOADED],
        cwd=settings.BASE_DIR,
        env=os.environ
        | {"DJANGO_SETTINGS_MODULE": "config.settings", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "OTEL_EXPORTER_OTLP_ENDPOINT needs opentelemetry: install requirements/prod.txt" in done.stderr


def test_what_is_logged_within_a_request_names_its_trace(monkeypatch):
    sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="what production installs for traces is not installed")
    from config import tracing

    monkeypatch.setattr(tracing, "tracer", sdk.TracerProvider(shutdown_on_exit=False).get_tracer("tessera"))
    trace, logged = "4bf92f3577b34da6a3ce929d0e0e4736", {}
    request = RequestFactory().get("/", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})

    tracing.TracingMiddleware(lambda _: logged.update(get_contextvars()) or HttpResponse())(request)
    clear_contextvars()

    assert logged["trace_id"] == trace
