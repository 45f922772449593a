"""A token that was found true is looked up again, not checked again: but for what may change."""

import time

import pytest
import time_machine

from tests.issuer import KID, PUBLIC_KEYS, sign
from tokens import verification
from tokens.errors import TokenRefused
from tokens.keys import VerifyingKey
from tokens.verification import Cache, cache, verify


@pytest.fixture
def checks(monkeypatch):
    """How many signatures were checked."""
    counted = []
    verifies = VerifyingKey.verifies
    monkeypatch.setattr(VerifyingKey, "verifies", lambda *args: counted.append(args) or verifies(*args))
    return counted


def test_a_signature_is_checked_once(checks):
    token = sign()

    claimed = [verify(token, service) for service in ("accounts", "orders", "products", "orders")]

    assert len(checks) == 1
    assert claimed == [claimed[0]] * 4


def test_a_known_token_is_still_meant_for_its_services_alone():
    token = sign(aud=["products"])
    verify(token, "products")

    with pytest.raises(TokenRefused, match="another service"):
        verify(token, "orders")


def test_a_known_token_expires():
    token = sign()
    verify(token, "orders")

    with time_machine.travel(time.time() + 600, tick=False), pytest.raises(TokenRefused, match="expired"):
        verify(token, "orders")
    assert cache.get(token) is None


def test_a_known_token_is_revoked_and_stays_so(issuer, checks):
    token = sign()
    verify(token, "orders")
    issuer.revoked.add(1)

    for _ in range(3):
        with pytest.raises(TokenRefused, match="revoked"):
            verify(token, "orders")
    assert len(checks) == 1


def test_a_key_that_goes_takes_its_tokens_along(issuer, monkeypatch):
    token, other = sign(), sign(by="RS256")
    verify(token, "orders")
    verify(other, "orders")
    left = {kid: key for kid, key in PUBLIC_KEYS.items() if kid != KID}
    monkeypatch.setattr(issuer, "keys", lambda: left)
    monkeypatch.setattr(issuer, "refetch_keys", lambda: left)

    with pytest.raises(TokenRefused, match="no longer in use"):
        verify(token, "orders")
    assert cache.get(token) is None
    assert verify(other, "orders")


def test_the_cache_is_bounded(monkeypatch):
    monkeypatch.setattr(verification, "CACHE_SIZE", 10)
    tokens = [sign(sub=f"u{number}") for number in range(25)]
    for token in tokens:
        verify(token, "orders")

    assert [token for token in tokens if cache.get(token)] == tokens[-10:]


def test_a_refused_token_takes_no_room(issuer):
    refused = [sign()[:-4] + "AAAA", sign(exp=1), "", "a.b.c"]

    for token in refused:
        with pytest.raises(TokenRefused):
            verify(token, "orders")

    assert [token for token in refused if cache.get(token)] == []


def test_a_cache_forgets_what_it_is_told_to():
    remembered = Cache()
    remembered.put("token", "verified")

    remembered.drop("token")
    remembered.drop("token")

    assert remembered.get("token") is None
