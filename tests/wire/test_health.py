"""`/healthz` says that the process lives, `/readyz` that it may serve."""

import time
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from config import health, periodic_jobs
from database import deadlines, refusals
from tests.issuer import InMemoryIssuer
from tokens.errors import IssuerUnavailable
from tokens.issuer import CachedIssuer, get_issuer


class Silent(InMemoryIssuer):
    """An issuer that was never reached."""

    def keys(self):
        raise IssuerUnavailable


class Late(InMemoryIssuer, CachedIssuer):
    """An issuer that could not be reached for a while."""

    lateness = 43.0
    ages = {"keys": 51.0, "status-list": 51.0}


@pytest.fixture(autouse=True)
def just_started(monkeypatch):
    """The process has not waited for a worker yet."""
    monkeypatch.setattr(periodic_jobs, "STARTED", time.monotonic())


def claim_all(**ago):
    """Every job was claimed by a worker and is due again, since a while ago."""
    until = timezone.now() - timedelta(**ago)
    for job in periodic_jobs.find_jobs():
        job.leases.model.objects.create(job=job.name, until=until)


def test_a_process_lives_without_asking_anyone(client):
    response = client.get("/healthz")

    assert (response.status_code, response.json()) == (200, {"status": "alive", "services": settings.SERVICES})
    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE"])
@pytest.mark.parametrize("address", ["/healthz", "/readyz", "/metrics"])
def test_what_a_process_says_of_itself_is_only_read(address, method):
    answer = Client(enforce_csrf_checks=True).generic(method, address)

    assert (answer.status_code, answer["Allow"], answer.content) == (405, "GET, HEAD", b"")


def test_a_process_is_ready_with_a_database_and_an_issuer(client, db):
    response = client.get("/readyz")

    ready = {"status": "ready", "database": "ok", "issuer": "ok", "writing": "ok", "work": "ok"}
    assert (response.status_code, response.json()) == (200, ready | {"services": settings.SERVICES})


def test_a_process_asks_its_database_once(client, db):
    asked = []

    def note(execute, sql, *rest):
        asked.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(note):
        client.get("/readyz")

    assert [sql for sql in asked if sql in ("SELECT 1", "SHOW transaction_read_only")] == asked[:1]


def test_a_process_says_by_how_much_its_revocations_are_late(client, db, settings, monkeypatch):
    """It serves on: what is known may be enough for as long as `ISSUER_PATIENCE` says."""
    settings.TOKEN_ISSUER = "tests.wire.test_health.Late"
    get_issuer.cache_clear()

    response = client.get("/readyz")

    assert (response.status_code, response.json()["issuer"]) == (200, "late by 43 s")
    told = client.get("/metrics").content
    assert b"tessera_issuer_lateness_seconds 43.0" in told
    assert b'tessera_issuer_document_age_seconds{document="status-list"} 51.0' in told


def test_without_its_database_it_is_not_ready(client, db):
    def away(*_):
        raise OperationalError("away")

    with connection.execute_wrapper(away):
        response = client.get("/readyz")

    assert (response.status_code, response.json()["database"]) == (503, "unavailable: OperationalError")


def test_without_keys_it_is_not_ready(client, db, settings):
    settings.TOKEN_ISSUER = "tests.wire.test_health.Silent"
    get_issuer.cache_clear()

    response = client.get("/readyz")

    assert (response.status_code, response.json()["issuer"]) == (503, "unavailable")


@pytest.mark.urls("tests.wire.urls")
def test_without_keys_a_token_is_neither_believed_nor_thrown_away(alice, settings):
    settings.TOKEN_ISSUER = "tests.wire.test_health.Silent"
    get_issuer.cache_clear()

    response = alice.get("/api/echo/")

    assert (response.status_code, response.json()["code"]) == (503, "issuer-unavailable")
    assert response["Retry-After"] == "5"


@pytest.mark.urls("tests.wire.urls")
def test_without_keys_a_page_says_so_and_keeps_the_cookie(alice, settings):
    settings.TOKEN_ISSUER = "tests.wire.test_health.Silent"
    get_issuer.cache_clear()

    response = alice.browser.get("/greet/")

    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert not response.cookies


def test_a_process_says_that_its_database_just_refused_to_write(client, db, monkeypatch):
    monkeypatch.setattr(refusals, "_last", (float("-inf"), ""))
    refusals.note_refusal("database or disk is full")

    response = client.get("/readyz")

    found = (response.status_code, response.json()["status"], response.json()["writing"])
    assert found == (200, "reads only", "refused: database or disk is full")


def test_a_refusal_is_forgotten(client, db, monkeypatch):
    monkeypatch.setattr(refusals, "_last", (time.monotonic() - 31, "database or disk is full"))

    assert client.get("/readyz").json()["writing"] == "ok"


@pytest.mark.parametrize(("ago", "told"), [({"seconds": 40}, "ok"), ({"seconds": 75}, "late by 75 s")])
def test_a_process_says_that_no_worker_takes_what_is_due_and_serves_on(client, db, ago, told):
    claim_all(**ago)

    response = client.get("/readyz")

    assert (response.status_code, response.json()["status"], response.json()["work"]) == (200, "ready", told)


def test_a_process_says_that_there_never_was_a_worker(client, db, monkeypatch):
    monkeypatch.setattr(periodic_jobs, "STARTED", time.monotonic() - 61)

    assert client.get("/readyz").json()["work"] == "late by 61 s"


def test_a_service_that_only_reads_needs_no_worker(client, db, settings):
    claim_all(minutes=5)
    settings.READ_ONLY = settings.SERVICES

    assert b"tessera_job_late_seconds{" not in client.get("/metrics").content


def test_metrics_tell_how_each_job_went(client, db):
    job = periodic_jobs.find_jobs()[0]._replace(interval=0.0, run=lambda: None)
    for each in (job, job, job._replace(run=lambda: 1 / 0)):
        periodic_jobs.attempt(each)
        job.leases.update(until=timezone.now() - timedelta(seconds=75))

    families = text_string_to_metric_families(client.get("/metrics").content.decode())
    samples = [sample for family in families for sample in family.samples if sample.labels.get("name") == job.name]
    found = {(sample.name, sample.labels.get("outcome")): sample.value for sample in samples}
    assert found["tessera_job_runs_total", "succeeded"] == 2
    assert found["tessera_job_runs_total", "failed"] == 1
    assert 75 <= found["tessera_job_late_seconds", None] < 80
    assert 0 <= found["tessera_job_success_age_seconds", None] < 5


def test_metrics_tell_whether_the_database_answers_and_takes_writes(client, db, monkeypatch):
    def told():
        lines = client.get("/metrics").content.decode().splitlines()
        return [line for line in lines if line.startswith("tessera_database_") and "threads" not in line]

    monkeypatch.setattr(refusals, "_last", (float("-inf"), ""))
    assert told() == ["tessera_database_up 1.0", "tessera_database_takes_writes 1.0"]

    refusals.note_refusal("database or disk is full")
    assert told() == ["tessera_database_up 1.0", "tessera_database_takes_writes 0.0"]


def test_metrics_are_told_while_the_database_is_away(client, db):
    def away(*_):
        raise OperationalError("away")

    with connection.execute_wrapper(away):
        answer = client.get("/metrics")

    assert answer.status_code == 200
    assert b"tessera_database_up 0.0" in answer.content
    assert b"tessera_job_late_seconds{" not in answer.content


def test_a_collector_hears_in_time_that_the_database_is_silent(client, db, monkeypatch):
    left = []
    monkeypatch.setattr(health, "generate_latest", lambda: left.append(deadlines.seconds_left()) or b"")

    client.get("/metrics")

    assert 0 < left[0] <= 4


def test_whoever_collects_metrics_may_call_a_process_by_its_address(client, db):
    """A collector finds processes by address, which no `ALLOWED_HOSTS` names."""
    assert client.get("/metrics", HTTP_HOST="10.0.0.7:8000").status_code == 200
