"""Every known way to pass off a token is answered 401: over HTTP, in bounded time, without a query."""

import time

import pytest

from tests.issuer import KEYS, said_in, sign
from tests.tokens.attacks import ASYMMETRIC, EITHER_WAY, SHARED, SHELLS, present

BOUND = 2.0
"""Seconds in which even a busy machine must have refused."""


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_good_token_of_any_algorithm_gets_past_the_door(server, target, algorithm):
    answer = server.bear(target, sign(by=algorithm), method="PUT", body=b"{}")

    assert answer.status == 405


def test_a_good_token_under_the_shared_secret_gets_past_the_door(server, target, shared):
    answer = server.bear(target, sign(), method="PUT", body=b"{}")

    assert answer.status == 405


@pytest.mark.parametrize("attack", EITHER_WAY + ASYMMETRIC, ids=lambda attack: attack.name)
def test_public_keys(server, target, ear, attack):
    assert_refused(server, target, ear, attack)


@pytest.mark.parametrize("attack", EITHER_WAY + SHARED, ids=lambda attack: attack.name)
def test_a_shared_secret(server, target, ear, shared, attack):
    assert_refused(server, target, ear, attack)


@pytest.fixture
def encrypted(settings):
    """Tokens leave encrypted, and no other is taken."""
    settings.JWT_ENCRYPTION_KEYS = [b"e" * 32]


def test_a_good_token_in_a_good_shell_gets_past_the_door(server, target, encrypted):
    assert server.bear(target, sign(), method="PUT", body=b"{}").status == 405


@pytest.mark.parametrize("attack", SHELLS, ids=lambda attack: attack.name)
def test_encrypted_tokens(server, target, ear, encrypted, attack):
    assert_refused_as_sent(server, target, ear, attack, attack.forge(ear.port))


def assert_refused(server, target, ear, attack):
    assert_refused_as_sent(server, target, ear, attack, present(attack.forge(ear.port)))


def assert_refused_as_sent(server, target, ear, attack, token):
    started = time.monotonic()

    answer = server.bear(target, token)

    assert time.monotonic() - started < BOUND
    assert ear.heard == 0
    challenge = f'Bearer error="invalid_token", error_description="{attack.detail}"'
    assert (answer.status, said_in(answer.headers["WWW-Authenticate"])) == (401, challenge)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.problem == {
        "type": "/problems/invalid-token/",
        "title": "The token is not to be believed",
        "status": 401,
        "detail": attack.detail,
        "code": "invalid-token",
        "request_id": answer.problem["request_id"],
    }
