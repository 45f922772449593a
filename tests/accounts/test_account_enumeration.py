"""Whether there is an account cannot be learned from a log-in: not from its answer, not from its time."""

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from tests.accounts.conftest import PASSWORD

pytestmark = pytest.mark.django_db

hashed = []


class Counting(MD5PasswordHasher):
    """A hasher that notes each time it hashes, which is what takes the time of a log-in."""

    algorithm = "counting"

    def encode(self, password, salt):
        hashed.append(password)
        return super().encode(password, salt)


@pytest.fixture(autouse=True)
def counting(settings):
    settings.PASSWORD_HASHERS = ["tests.accounts.test_account_enumeration.Counting"]
    hashed.clear()


@pytest.fixture
def cast(alice, bob):
    """Alice is there, Bob is disabled, Carol may not log in by password; nobody is Dave."""
    User.objects.filter(pk=bob.pk).update(is_active=False)
    User.objects.create_user("carol@example.com")
    hashed.clear()


def attempt(api, email, password):
    """What an attempt comes to: the answer, the hashes and the statements that it took."""
    hashed.clear()
    with CaptureQueriesContext(connection) as queries:
        answer = api.post("/api/token/", {"email": email, "password": password}, REMOTE_ADDR="192.0.2.1")
    body = {name: value for name, value in answer.json().items() if name != "request_id"}
    return answer.status_code, body, len(hashed), len(queries)


def test_a_good_log_in_hashes_once(api, cast):
    assert attempt(api, "alice@example.com", PASSWORD)[::2] == (200, 1)


def test_every_refusal_is_told_alike_and_takes_as_long(api, cast):
    wrong = attempt(api, "alice@example.com", "wrong")

    assert wrong[0] == 401
    assert wrong[2] == 1
    assert attempt(api, "dave@example.com", PASSWORD) == wrong
    assert attempt(api, "bob@example.com", PASSWORD) == wrong
    assert attempt(api, "bob@example.com", "wrong") == wrong
    assert attempt(api, "carol@example.com", "wrong") == wrong
