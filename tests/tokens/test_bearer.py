"""A good token opens what its scopes say, a bad one nothing."""

import time
from itertools import count

import pytest
from rest_framework.test import APIRequestFactory

from database import clock
from tests.issuer import sign
from tokens.authentication import BearerAuthentication
from tokens.errors import TokenRefused
from tokens.verification import read_expired, verify


def test_a_good_token_tells_who_calls():
    request = APIRequestFactory().get("/", HTTP_AUTHORIZATION=f"bearer {sign()}")

    user, _ = BearerAuthentication().authenticate(request)

    assert (user.name, user.email, user.client_id) == ("Alice", "alice@example.com", "api")


def test_a_revoked_token_is_refused(issuer):
    token = sign()
    verify(token, "orders")
    issuer.revoked.add(1)

    with pytest.raises(TokenRefused, match="revoked"):
        verify(token, "orders")


def test_a_token_for_another_service_is_refused():
    with pytest.raises(TokenRefused, match="another service"):
        verify(sign(aud=["products"]), "orders")


def test_whose_an_expired_token_was_is_read_however_the_seconds_go_by(monkeypatch):
    token, ticks = sign(iat=1, exp=2), count(time.time(), 0.4)
    monkeypatch.setattr(clock, "time", lambda: next(ticks))

    assert read_expired(token)["exp"] == 2
