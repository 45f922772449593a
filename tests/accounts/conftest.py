"""Accounts is tested with its own issuer, keys in the database."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection
from rest_framework.test import APIClient

from accounts.issuing import status_lists
from accounts.people import registration
from tokens.issuer import get_issuer
from tokens.verification import cache

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def issuer(settings):
    settings.TOKEN_ISSUER = "accounts.issuing.local_issuer.LocalIssuer"
    forget()
    yield get_issuer()
    forget()


def forget():
    """Know nothing, as a process that has just been started."""
    get_issuer.cache_clear()
    cache.clear()
    status_lists._published.clear()


@pytest.fixture(autouse=True)
def fast_hashing(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def alice(db):
    return registration.register("alice@example.com", PASSWORD, "Alice")


@pytest.fixture
def bob(db):
    return registration.register("bob@example.com", PASSWORD, "Bob")


@pytest.fixture
def api():
    return APIClient()


@pytest.fixture
def log_in(api):
    """Log somebody in over the API; the answer's body."""

    def log_in(email="alice@example.com", password=PASSWORD):
        return api.post("/api/token/", {"email": email, "password": password}).json()

    return log_in


@pytest.fixture
def bearer():
    """An API client with an access token."""

    def bearer(access):
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {access}")
        return client

    return bearer


@pytest.fixture
def at_once(database):
    """Call `act(0)` to `act(count - 1)` on threads that start together, each with a connection of its own."""

    def at_once(count, act):
        barrier = Barrier(count)

        def run(number):
            barrier.wait(30)
            try:
                return act(number)
            finally:
                connection.close()

        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(run, range(count)))

    return at_once
