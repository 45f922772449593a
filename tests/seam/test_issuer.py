"""The contract of the issuer, kept alike in process and over HTTP."""

import time
from contextlib import contextmanager

import pytest
from django.conf import settings as deployed
from django.db import OperationalError, connection
from django.test import Client
from rest_framework.test import APIClient

if "accounts" not in deployed.SERVICES:
    pytest.skip("the seam needs accounts", allow_module_level=True)

from accounts.factors import two_steps
from accounts.issuing import keys
from accounts.issuing.tokens import sign_status_list
from accounts.login import sessions
from accounts.models import Session, TokenStatus
from accounts.people import registration
from tests.journeys.processes import free_port
from tests.tokens.clock import Clock
from tokens import verification
from tokens.cookies import access_name
from tokens.errors import IssuerUnavailable, ListUnknown, TokenRefused
from tokens.issuer import get_issuer
from tokens.status_list import LIST_SIZE
from wire.events import SYSTEM

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

PASSWORD = "correct horse battery"
LONGEST = 30 * 60
"""Seconds that the longest-lived token lives."""
BEHIND = 60
"""Seconds that a list may be dated before it was made."""
PATIENCE = 20.0
"""Seconds in which accounts has answered."""


class Local:
    """In process: asked by queries, away when the database is."""

    path = "accounts.issuing.local_issuer.LocalIssuer"

    def __init__(self, request):
        pass

    @contextmanager
    def away(self):
        def fail(execute, *args):
            raise OperationalError("The database is away.")

        with connection.execute_wrapper(fail):
            yield


class Remote:
    """Over HTTP: asked of accounts on a port, away when the port is."""

    path = "tokens.issuer.RemoteIssuer"

    def __init__(self, request):
        self.settings = request.getfixturevalue("settings")
        self.settings.ACCOUNTS_URL = request.getfixturevalue("live_server").url
        # How long a fetch may take is no question here, and a busy machine may need more than a second for one.
        monkeypatch = request.getfixturevalue("monkeypatch")
        monkeypatch.setattr("tokens.issuer.TIMEOUT", PATIENCE)
        monkeypatch.setattr("tokens.fresh_documents.TIMEOUT", PATIENCE)

    @contextmanager
    def away(self):
        there, self.settings.ACCOUNTS_URL = self.settings.ACCOUNTS_URL, f"http://127.0.0.1:{free_port()}"
        yield
        self.settings.ACCOUNTS_URL = there


@pytest.fixture(params=[Local, Remote])
def side(request):
    return request.param(request)


@pytest.fixture(autouse=True)
def issuer(side, settings):
    """One side of the seam as the issuer of this process, which knows nothing yet."""
    settings.TOKEN_ISSUER = side.path
    forget()
    yield get_issuer()
    forget()


def forget():
    get_issuer.cache_clear()
    verification.cache.clear()
    sign_status_list.cache_clear()


@pytest.fixture(autouse=True)
def alike(settings):
    """However this process was started: keys of its own, and passwords that take no time."""
    settings.JWT_ALGORITHM, settings.JWT_SIGNING_KEY = "ES256", ""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("tokens.fresh_documents.monotonic", clock)
    return clock


@pytest.fixture
def alice():
    return registration.register("alice@example.com", PASSWORD, "Alice")


def log_in():
    return two_steps.log_in("alice@example.com", PASSWORD, sessions.Origin("api")).access


def is_believed(token):
    try:
        verification.verify(token, "orders")
    except TokenRefused:
        return False
    return True


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA", "HS256"])
def test_the_key_that_signs_is_known(settings, issuer, alice, algorithm):
    settings.JWT_ALGORITHM = algorithm
    settings.JWT_SIGNING_KEY = "s" * 32 if algorithm == "HS256" else ""
    kid, _, _ = keys.current_signer()

    assert {known: key.algorithm for known, key in issuer.keys().items()} == {kid: algorithm}
    assert is_believed(log_in())


def test_an_announced_key_is_known_before_it_signs(issuer, clock):
    signing = set(issuer.keys())
    announced = keys.announce_next(by=SYSTEM).kid

    clock.move(8)

    assert set(issuer.keys()) == {*signing, announced}


def test_a_replaced_key_goes_and_takes_its_tokens_along(issuer, clock, alice):
    token = log_in()
    assert is_believed(token)
    keys.replace_keys(by=SYSTEM)

    clock.move(8)

    assert not is_believed(token)


def test_a_key_that_came_a_moment_ago_is_looked_for(issuer, clock, alice):
    issuer.keys()
    keys.replace_keys(by=SYSTEM)

    assert is_believed(log_in())


def test_a_revoked_token_is_refused_within_eight_seconds_and_no_other(issuer, clock, alice):
    stolen, own = log_in(), log_in()
    assert is_believed(stolen)
    sessions.end(Session.objects.filter(pk=verification.read_expired(stolen)["sid"]), reason="log-out", by=SYSTEM)

    clock.move(8)

    assert [is_believed(stolen), is_believed(own)] == [False, True]


def test_a_list_outlives_every_token_issued_before_it(issuer, alice):
    listed = issuer.status_list(0)

    assert len(listed.bits) * 8 == LIST_SIZE
    assert time.time() - BEHIND <= listed.issued_at <= time.time()
    assert listed.expires_at - time.time() > LONGEST


@pytest.fixture
def second_list(alice):
    """Somebody stands in it; later tests are numbered from the beginning again, as SQLite would not by itself."""
    TokenStatus.objects.create(pk=LIST_SIZE + 5)
    yield
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM sqlite_sequence WHERE name = 'accounts_tokenstatus'")


def test_the_second_list_is_there_when_somebody_stands_in_it(issuer, second_list):
    listed = issuer.status_list(1)

    assert not listed.is_revoked(5)


@pytest.mark.parametrize("number", [1, 7, 999_999_999])
def test_a_list_that_nobody_stands_in_is_unknown(issuer, number):
    with pytest.raises(ListUnknown):
        issuer.status_list(number)


def test_what_is_fresh_is_not_asked_for_again(issuer, alice, django_assert_num_queries):
    token = log_in()
    assert is_believed(token)

    with django_assert_num_queries(0):
        assert [is_believed(token) for _ in range(10)] == [True] * 10


def test_while_the_issuer_is_away_what_is_known_serves_on(side, clock, alice):
    token = log_in()
    assert is_believed(token)

    with side.away():
        believed = []
        for _ in range(5):
            clock.move(9)
            believed.append(is_believed(token))

    assert believed == [True] * 5


def test_while_the_issuer_is_away_what_is_not_known_cannot_be_told(side, alice):
    token = log_in()

    with side.away(), pytest.raises(IssuerUnavailable):
        verification.verify(token, "orders")


def test_when_the_issuer_is_back_it_is_heard(side, clock, alice):
    token = log_in()
    assert is_believed(token)
    with side.away():
        clock.move(9)
        assert is_believed(token)
    sessions.end(Session.objects.all(), reason="log-out", by=SYSTEM)

    clock.move(9)

    assert not is_believed(token)


def test_a_request_is_authenticated_without_a_query(alice, django_assert_num_queries):
    api = APIClient(HTTP_AUTHORIZATION=f"Bearer {log_in()}")
    api.put("/api/accounts/me/")

    with django_assert_num_queries(0):
        answers = [api.put("/api/accounts/me/").status_code for _ in range(3)]

    assert answers == [405] * 3


def test_a_token_not_seen_before_is_authenticated_without_a_query(alice, django_assert_num_queries):
    APIClient(HTTP_AUTHORIZATION=f"Bearer {log_in()}").put("/api/accounts/me/")
    other = APIClient(HTTP_AUTHORIZATION=f"Bearer {log_in()}")

    with django_assert_num_queries(0):
        assert other.put("/api/accounts/me/").status_code == 405


def test_a_refused_token_takes_no_query(alice, django_assert_num_queries):
    token = log_in()
    APIClient(HTTP_AUTHORIZATION=f"Bearer {token}").put("/api/accounts/me/")
    forger = APIClient(HTTP_AUTHORIZATION=f"Bearer {token[:-4]}AAAA")

    with django_assert_num_queries(0):
        assert forger.put("/api/accounts/me/").status_code == 401


def test_a_page_is_authenticated_without_a_query(alice, django_assert_num_queries):
    alice.roles.clear()
    browser = Client()
    browser.cookies[access_name()] = log_in()
    browser.get("/account/")

    with django_assert_num_queries(0):
        assert browser.get("/account/").status_code == 403
