"""Accounts is tested with its own issuer, keys in the database."""

import pytest
import time_machine
from django.test import Client as Browser
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.issuing.revoked_entries import revoked_entries
from accounts.issuing.tokens import sign_status_list
from accounts.models import Mail, Role
from accounts.people import registration
from tokens.cookies import access_name
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
    revoked_entries.clear()


@pytest.fixture(autouse=True)
def fast_hashing(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def register(email, password, name):
    """A customer whose e-mail address is verified; the mail that asked for that was read."""
    user = registration.register(email, password, name)
    Mail.objects.filter(to=user.email).delete()
    user.email_verified_at = user.created_at
    user.save(update_fields=["email_verified_at"])
    return user


@pytest.fixture
def alice(db):
    return register("alice@example.com", PASSWORD, "Alice")


@pytest.fixture
def bob(db):
    return register("bob@example.com", PASSWORD, "Bob")


@pytest.fixture
def erin(db):
    """Who registered just now."""
    return registration.register("erin@example.com", PASSWORD, "Erin")


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
def clock():
    """Time stands still, so that no wait is over by chance."""
    with time_machine.travel(timezone.now(), tick=False):
        yield


@pytest.fixture
def bearer():
    """An API client with an access token."""

    def bearer(access):
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {access}")
        return client

    return bearer


@pytest.fixture
def staff(api):
    """A new member of staff with a role, and his browser."""

    def staff(email, role):
        user = register(email, PASSWORD, email.partition("@")[0].capitalize())
        user.roles.add(Role.objects.get(name=role))
        browser = Browser()
        answer = api.post("/api/token/", {"email": email, "password": PASSWORD})
        browser.cookies[access_name()] = answer.json()["access"]
        return browser

    return staff


@pytest.fixture
def admin(staff):
    """The admin's browser."""
    return staff("admin@example.com", "admin")
