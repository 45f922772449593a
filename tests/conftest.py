"""The cast: whoever calls the shop, each with a token of their own."""

import os
import sqlite3
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from importlib.util import find_spec
from threading import Barrier

import pytest
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from database import clock, deadlines
from tests.issuer import sign
from tests.journeys.split import report as shapes
from tokens.cookies import access_name
from tokens.issuer import get_issuer
from tokens.registry import services
from tokens.verification import cache

clock.reference.is_followed = False
"""Tests travel in time, which their database does not."""

if find_spec("hypothesis"):
    from hypothesis import HealthCheck
    from hypothesis import settings as properties

    # A machine that is busy is none of what a property says.
    unhurried = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]}
    properties.register_profile("unhurried", **unhurried)
    properties.load_profile("unhurried")


def scopes_of(*roles):
    """The scopes that some roles carry from the start, as the services that there are say, sorted."""
    said = {name: scope for service in services().values() for name, scope in service.scopes.items()}
    return sorted(name for name, scope in said.items() if {*roles} & {*scope.roles, *["admin"] * scope.people})


CUSTOMER = " ".join(scopes_of("customer"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """In CI nothing may be skipped: what a test needs and misses there is a failure of CI."""
    return refuse_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    return refuse_skip((yield))


def refuse_skip(report):
    if report.skipped and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        report.longrepr = f"Nothing may be skipped in CI: {report.longrepr}"
        report.outcome = "failed"
    return report


def pytest_terminal_summary(terminalreporter):
    shapes.write(terminalreporter)


def pytest_runtest_setup(item):
    if item.get_closest_marker("postgresql") and connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL: set DATABASE_URL")


class Person(APIClient):
    """An API client that sends a Bearer token; `browser` is the same person's browser."""

    def __init__(self, name: str, scope: str, **claims) -> None:
        super().__init__()
        self.name, self.email = name, f"{name}@example.com"
        self.sub = claims.pop("sub", str(uuid.uuid5(uuid.NAMESPACE_URL, name)))
        self.token = sign(sub=self.sub, name=name.capitalize(), email=self.email, scope=scope, **claims)
        self.credentials(HTTP_AUTHORIZATION=f"Bearer {self.token}")

    @property
    def browser(self) -> Client:
        browser = Client()
        browser.cookies[access_name()] = self.token
        return browser


@pytest.fixture(autouse=True)
def issuer(settings):
    """Each test has an issuer of its own, in memory; tests of accounts choose the real one."""
    settings.TOKEN_ISSUER = "tests.issuer.InMemoryIssuer"
    get_issuer.cache_clear()
    cache.clear()
    yield get_issuer()
    get_issuer.cache_clear()
    cache.clear()


@pytest.fixture
def anonymous():
    return APIClient()


@pytest.fixture
def alice():
    return Person("alice", CUSTOMER)


@pytest.fixture
def bob():
    return Person("bob", CUSTOMER)


@pytest.fixture
def carol():
    return Person("carol", f"{CUSTOMER} products:write")


@pytest.fixture
def dave():
    return Person("dave", f"{CUSTOMER} orders:manage")


@pytest.fixture
def admin():
    return Person("admin", f"{CUSTOMER} products:write orders:manage accounts:manage")


@pytest.fixture
def orders_service():
    """The orders service as it calls products: a client, not a person."""
    return Person("orders", "stock:reserve", sub="orders", aud=["products"], sid="none", client_id="orders")


@pytest.fixture
def database(transactional_db, tmp_path):
    """A database that threads may share as processes do: a copy in a file, where tests are in memory."""
    if connection.vendor != "sqlite":
        yield
        return

    connection.ensure_connection()
    memory, name = connection.connection, connection.settings_dict["NAME"]
    with closing(sqlite3.connect(tmp_path / "shop.sqlite3")) as copy:
        memory.backup(copy)
        # As a shop's file is: of many that turn it over to WAL at once, SQLite tells some that it is locked.
        copy.execute("PRAGMA journal_mode = WAL")
    connection.connection, connection.settings_dict["NAME"] = None, str(tmp_path / "shop.sqlite3")
    yield
    connection.close()
    connection.connection, connection.settings_dict["NAME"] = memory, name


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


@pytest.fixture(autouse=True, scope="session")
def places_for_all():
    """Tests race with more threads in one process than a server has."""
    deadlines.places._free = threading.BoundedSemaphore(1000)
