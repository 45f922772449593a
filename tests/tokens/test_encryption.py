"""With an encryption key set, a token's contents are for services alone, and no other shape is taken."""

import json
import secrets
import time
import zlib

import jwt
import pytest
from joserfc import jwe
from joserfc.jwk import OctKey

from tests.issuer import issue, sign
from tokens import encryption
from tokens.errors import TokenRefused
from tokens.parsing import unpack
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
    assert verify(issue(), "orders")["email"] == "alice@example.com"


def test_an_encrypted_token_is_of_five_parts_that_say_nothing():
    token = issue()

    header, *rest = token.split(".")

    assert json.loads(unpack(header)) == {"alg": "dir", "enc": "A256GCM", "cty": "JWT"}
    assert len(rest) == 4
    assert "alice" not in "".join(unpack(part).decode("latin-1") for part in rest)


def test_an_encrypted_token_fits_a_cookie():
    assert len(issue(name="N" * 200, email="e" * 242 + "@example.com")) < 4000


def test_a_token_seen_before_is_not_decrypted_again(settings):
    token = issue()
    verify(token, "orders")

    settings.JWT_ENCRYPTION_KEYS = [OTHER]

    assert verify(token, "orders")["sub"]
    cache.clear()
    with pytest.raises(TokenRefused):
        verify(token, "orders")


def test_a_rotation_knows_both_keys(settings):
    before = issue()

    settings.JWT_ENCRYPTION_KEYS = [OTHER, KEY]
    after = issue()

    assert [verify(before, "orders")["name"], verify(after, "orders")["name"]] == ["Alice", "Alice"]
    settings.JWT_ENCRYPTION_KEYS = [OTHER]
    cache.clear()
    assert verify(after, "orders")["name"] == "Alice"
    with pytest.raises(TokenRefused):
        verify(before, "orders")


def test_a_plain_token_is_refused_where_encryption_is_on(settings):
    with pytest.raises(TokenRefused):
        verify(sign(), "orders")


def test_an_encrypted_token_is_refused_where_encryption_is_off(settings):
    token = issue()
    settings.JWT_ENCRYPTION_KEYS = []

    with pytest.raises(TokenRefused):
        verify(token, "orders")


def flip(token, part):
    parts = token.split(".")
    first = "A" if parts[part][0] != "A" else "B"
    parts[part] = first + parts[part][1:]
    return ".".join(parts)


@pytest.mark.parametrize(("part", "name"), [(0, "header"), (2, "iv"), (3, "ciphertext"), (4, "tag")])
def test_a_shell_that_was_tampered_with_is_refused(part, name):
    token = flip(issue(), part)

    with pytest.raises(TokenRefused):
        verify(token, "orders")


def test_a_shorter_tag_is_refused():
    header, key, iv, ciphertext, tag = issue().split(".")

    with pytest.raises(TokenRefused):
        verify(".".join([header, key, iv, ciphertext, tag[:16]]), "orders")


HEADERS = {
    "other enc": {"alg": "dir", "enc": "A128CBC-HS256", "cty": "JWT"},
    "zip": {"alg": "dir", "enc": "A256GCM", "cty": "JWT", "zip": "DEF"},
    "no cty": {"alg": "dir", "enc": "A256GCM"},
    "a kid": {"alg": "dir", "enc": "A256GCM", "cty": "JWT", "kid": "../../key"},
    "a jwk": {"alg": "dir", "enc": "A256GCM", "cty": "JWT", "jwk": {"kty": "oct", "k": "AAAA"}},
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_a_shell_with_another_header_is_refused(settings, header):
    token = shell(sign(), header)

    with pytest.raises(TokenRefused, match="another way"):
        verify(token, "orders")


def test_key_wrapping_is_refused_even_under_our_key(settings):
    header = {"alg": "A256KW", "enc": "A256GCM", "cty": "JWT"}
    token = jwe.encrypt_compact(header, sign(), OctKey.import_key(KEY))

    with pytest.raises(TokenRefused):
        verify(token, "orders")


def test_a_zip_bomb_is_never_inflated(settings):
    bomb = zlib.compress(b"\0" * 50_000_000, 9)
    token = shell(bomb)
    started = time.perf_counter()

    with pytest.raises(TokenRefused):
        verify(token, "orders")
    assert time.perf_counter() - started < 1


def test_an_unsigned_token_in_a_good_shell_is_refused(settings):
    claims = jwt.decode(sign(), options={"verify_signature": False})
    unsigned = jwt.encode(claims, None, algorithm="none", headers={"typ": "at+jwt"})

    with pytest.raises(TokenRefused):
        verify(shell(unsigned), "orders")


def test_a_token_by_a_foreign_key_in_a_good_shell_is_refused(settings):
    claims = jwt.decode(sign(), options={"verify_signature": False})
    foreign = jwt.encode(claims, "x" * 32, algorithm="HS256", headers={"typ": "at+jwt", "kid": "shared"})

    with pytest.raises(TokenRefused):
        verify(shell(foreign), "orders")


def test_a_shell_in_a_shell_is_refused(settings):
    with pytest.raises(TokenRefused):
        verify(shell(shell(sign())), "orders")


def test_a_shell_under_a_foreign_key_is_refused(settings):
    with pytest.raises(TokenRefused, match="any key of ours"):
        verify(shell(sign(), key=OTHER), "orders")


def test_a_shell_that_is_too_long_is_refused_before_it_is_opened():
    with pytest.raises(TokenRefused, match="too long"):
        verify("A" * (encryption.MAX_SHELL + 1), "orders")


@pytest.mark.parametrize("text", ["", "short", "A" * 43 + "=", "A" * 44, "ä" * 43, "A" * 42 + "B"])
def test_a_key_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match="encryption key"):
        encryption.read_key(text)
