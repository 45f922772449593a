"""A service logs in to call its neighbours, and goes on while accounts is away."""

import base64
import time

import pytest

from tests.neighbour import serve
from tests.tokens import scripted_issuer
from tests.tokens.scripted_issuer import drip, page
from tokens import client_credentials
from tokens.client_credentials import LogInFailed, ServiceLogin


@pytest.fixture
def accounts(settings):
    settings.CLIENT_ID, settings.CLIENT_SECRET = "orders", "s3cret+/"
    with serve() as neighbour:
        settings.ACCOUNTS_URL = neighbour.url
        neighbour.answers = [(200, grant("first"))]
        yield neighbour


def grant(token, expires_in=1800):
    return {"access_token": token, "token_type": "Bearer", "expires_in": expires_in, "scope": "stock:reserve"}


def test_a_log_in_presents_the_clients_credentials(accounts):
    assert ServiceLogin("stock:reserve").token() == "first"

    (heard,) = accounts.heard
    credentials = base64.b64encode(b"orders:s3cret%2B%2F").decode()
    assert (heard.method, heard.path) == ("POST", "/oauth/token")
    assert heard.headers["Authorization"] == f"Basic {credentials}"
    assert heard.body == "grant_type=client_credentials&scope=stock%3Areserve"


def test_a_token_is_asked_for_once(accounts):
    own = ServiceLogin("stock:reserve")

    assert [own.token() for _ in range(3)] == ["first"] * 3
    assert len(accounts.heard) == 1


def test_past_half_life_a_token_is_renewed_behind_those_who_use_it(accounts, age):
    own = ServiceLogin("stock:reserve")
    own.token()
    accounts.answers = [(200, grant("second"))]
    age(own, 901)

    assert own.token() == "first"
    assert wait_for(lambda: own.token() == "second")
    assert len(accounts.heard) == 2


def test_while_accounts_is_away_the_old_token_serves_to_its_end(accounts, age):
    own = ServiceLogin("stock:reserve")
    own.token()
    accounts.answers = [(503, {})]

    age(own, 901)
    used = [own.token() for _ in range(5)]
    assert wait_for(lambda: len(accounts.heard) == 2)
    age(own, 900)

    assert used == ["first"] * 5
    with pytest.raises(LogInFailed):
        own.token()


def test_a_failure_is_not_repeated_at_once(accounts, age):
    own = ServiceLogin("stock:reserve")
    accounts.answers = [(503, {}), (200, grant("first"))]

    for _ in range(3):
        with pytest.raises(LogInFailed):
            own.token()
    failures = len(accounts.heard)
    own._tried_at -= client_credentials.RETRY

    assert (failures, own.token()) == (1, "first")


def test_a_token_that_was_refused_is_replaced(accounts):
    own = ServiceLogin("stock:reserve")
    accounts.answers = [(200, grant("first")), (200, grant("second"))]

    own.forget(own.token())

    assert own.token() == "second"


@pytest.mark.parametrize(
    "answer",
    [
        (401, {"error": "invalid_client"}),
        (302, {}),
        (200, b"<html>"),
        (200, []),
        (200, {"access_token": "", "expires_in": 1800}),
        (200, {"access_token": "t", "expires_in": "1800"}),
        (200, {"access_token": "t", "expires_in": 0}),
    ],
)
def test_an_answer_without_a_token_is_a_named_error(accounts, answer):
    accounts.answers = [answer]

    with pytest.raises(LogInFailed):
        ServiceLogin("stock:reserve").token()


def test_nobody_is_asked_without_credentials(accounts, settings):
    settings.CLIENT_SECRET = ""

    with pytest.raises(LogInFailed, match="CLIENT_ID and CLIENT_SECRET"):
        ServiceLogin("stock:reserve").token()

    assert accounts.heard == []


def test_no_answer_is_waited_for_briefly(accounts):
    accounts.delay = 20.0
    started = time.monotonic()

    with pytest.raises(LogInFailed):
        ServiceLogin("stock:reserve").token()

    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    "script", [drip(page(b"{}"), 0.4), page(b" " * 1_000_000), page(b"{}")[:-1]], ids=["drips", "1 MB", "cut off"]
)
def test_an_answer_that_does_not_come_to_an_end_is_a_named_error(accounts, settings, script):
    with scripted_issuer.serve() as dripping:
        dripping.others = lambda: script
        settings.ACCOUNTS_URL = dripping.url
        started = time.monotonic()

        with pytest.raises(LogInFailed):
            ServiceLogin("stock:reserve").token()

    assert time.monotonic() - started < 10


def test_no_redirect_is_followed_with_a_secret(accounts, settings):
    with scripted_issuer.serve() as redirecting:
        redirecting.others = lambda: page(b"", "307 Temporary Redirect", f"Location: {accounts.url}/oauth/token")
        settings.ACCOUNTS_URL = redirecting.url

        with pytest.raises(LogInFailed, match="307"):
            ServiceLogin("stock:reserve").token()

    assert accounts.heard == []


@pytest.fixture
def age():
    """Let seconds go by for a log-in."""

    def shift(own, seconds):
        access, renew_at, ends_at = own._token
        own._token = client_credentials.ServiceToken(access, renew_at - seconds, ends_at - seconds)
        own._tried_at -= seconds

    return shift


def wait_for(condition):
    """Whether something comes true before long."""
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()
