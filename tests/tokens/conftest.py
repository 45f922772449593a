"""The stack that tokens are presented to."""

import pytest
from django.conf import settings

from tests.tokens.clock import Clock
from tests.tokens.http_server import listen, serve
from tokens.issuer import get_issuer
from tokens.verification import cache

TARGETS = {"products": "/api/products/", "orders": "/api/orders/", "accounts": "/api/accounts/me/"}
SECRET = "a secret that all services share, 32 bytes and more"


@pytest.fixture(autouse=True)
def public_keys(settings):
    """However this process was started: tests say themselves where a secret is shared."""
    settings.JWT_ALGORITHM, settings.JWT_SIGNING_KEY = "ES256", ""


@pytest.fixture(scope="session")
def server():
    with serve() as server:
        yield server


@pytest.fixture(scope="session")
def ear():
    with listen() as ear:
        yield ear


@pytest.fixture
def target():
    """An address of this process that asks for a token."""
    return next(path for service, path in TARGETS.items() if service in settings.SERVICES)


@pytest.fixture
def shared(settings, issuer, public_keys):
    """All services share one secret."""
    settings.JWT_ALGORITHM, settings.JWT_SIGNING_KEY = "HS256", SECRET
    get_issuer.cache_clear()
    cache.clear()


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("tokens.fresh_documents.monotonic", clock)
    return clock
