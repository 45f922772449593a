"""A good token opens what its scopes say, a bad one nothing."""

import pytest
from rest_framework.test import APIRequestFactory

from tests.issuer import sign
from tokens.authentication import BearerAuthentication
from tokens.errors import TokenRefused
from tokens.verification import verify


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
