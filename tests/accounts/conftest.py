"""Accounts is tested with its own issuer, keys in the database."""

import pytest
from rest_framework.test import APIClient

from accounts.issuing.tokens import sign_status_list
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
    sign_status_list.cache_clear()


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
