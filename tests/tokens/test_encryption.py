"""With an encryption key set, a token's contents are for services alone, and no other shape is taken."""

import json
import secrets

import pytest
from joserfc import jwe
from joserfc.jwk import OctKey

from tests.issuer import sign, sign_inner
from tokens import encryption
from tokens.errors import TokenRefused
from tokens.jws import decode_base64url
from tokens.verification import cache, verify

KEY, OTHER = secrets.token_bytes(32), secrets.token_bytes(32)


@pytest.fixture(autouse=True)
def encrypted(settings):
    settings.JWT_ENCRYPTION_KEYS = [KEY]


def shell(inner, header=None, key=KEY):
    chosen = header or encryption.HEADER
    algorithms = [chosen["alg"], chosen["enc"], "DEF"]
    return jwe.encrypt_compact(chosen, inner, OctKey.import_key(key), algorithms=algorithms)


def test_an_encrypted_token_is_believed():
    assert verify(sign(), "orders")["email"] == "alice@example.com"


def test_an_encrypted_token_is_of_five_parts_that_say_nothing():
    token = sign()

    header, *rest = token.split(".")

    assert json.loads(decode_base64url(header)) == {"alg": "dir", "enc": "A256GCM", "cty": "JWT"}
    assert len(rest) == 4
    assert "alice" not in "".join(decode_base64url(part).decode("latin-1") for part in rest)


def test_an_encrypted_token_fits_a_cookie():
    assert len(sign(name="N" * 200, email="e" * 242 + "@example.com")) < 4000


def test_a_token_seen_before_is_not_decrypted_again(settings):
    token = sign()
    verify(token, "orders")

    settings.JWT_ENCRYPTION_KEYS = [OTHER]

    assert verify(token, "orders")["sub"]
    cache.clear()
    with pytest.raises(TokenRefused):
        verify(token, "orders")


def test_a_rotation_knows_both_keys(settings):
    before = sign()

    settings.JWT_ENCRYPTION_KEYS = [OTHER, KEY]
    after = sign()

    assert [verify(before, "orders")["name"], verify(after, "orders")["name"]] == ["Alice", "Alice"]
    settings.JWT_ENCRYPTION_KEYS = [OTHER]
    cache.clear()
    assert verify(after, "orders")["name"] == "Alice"
    with pytest.raises(TokenRefused):
        verify(before, "orders")


def test_a_plain_token_is_refused_where_encryption_is_on(settings):
    with pytest.raises(TokenRefused):
        verify(sign_inner(), "orders")


def test_an_encrypted_token_is_refused_where_encryption_is_off(settings):
    token = sign()
    settings.JWT_ENCRYPTION_KEYS = []

    with pytest.raises(TokenRefused):
        verify(token, "orders")


@pytest.mark.parametrize("text", ["", "short", "A" * 43 + "=", "A" * 44, "ä" * 43, "A" * 42 + "B"])
def test_a_key_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match="encryption key"):
        encryption.read_encryption_key(text)
