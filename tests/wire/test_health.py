"""`/healthz` says that the process lives, `/readyz` that it may serve."""

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.test import Client

from tests.issuer import InMemoryIssuer
from tokens.errors import IssuerUnavailable
from tokens.issuer import get_issuer


class Silent(InMemoryIssuer):
    """An issuer that was never reached."""

    def keys(self):
        raise IssuerUnavailable


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

    ready = {"status": "ready", "database": "ok", "issuer": "ok", "services": settings.SERVICES}
    assert (response.status_code, response.json()) == (200, ready)


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
