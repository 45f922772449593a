"""Of a key set only keys are taken that an honest issuer publishes, or none of it at all."""

import warnings

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from tests.issuer import KEY, KEYS, KID, jwks, public_jwk
from tokens.keys import VerifyingKey, read_key_set, shared_key

GOOD = public_jwk(KEY, "ES256")


def test_a_key_set_may_hold_several_algorithms():
    keys = read_key_set(jwks())

    assert keys == {
        key.thumbprint(): VerifyingKey(key.thumbprint(), algorithm, key.public_key) for algorithm, key in KEYS.items()
    }


def without(name):
    return {key: value for key, value in GOOD.items() if key != name}


NONSENSE = {
    "null": None,
    "a list": [],
    "a text": "keys",
    "without keys": {},
    "keys null": {"keys": None},
    "keys an object": {"keys": {}},
    "no key": {"keys": []},
    "a key null": {"keys": [None]},
    "a key twice": {"keys": [GOOD, GOOD]},
    "a key and null": {"keys": [GOOD, None]},
    "a private key": {"keys": [KEY.as_dict(private=True) | GOOD]},
    "a private member": {"keys": [GOOD | {"d": "AAAA"}]},
    "a secret member": {"keys": [GOOD | {"k": "AAAA"}]},
    "for encryption": {"keys": [GOOD | {"use": "enc"}]},
    "without use": {"keys": [without("use")]},
    "without alg": {"keys": [without("alg")]},
    "without kid": {"keys": [without("kid")]},
    "without x": {"keys": [without("x")]},
    "without kty": {"keys": [without("kty")]},
    "another kty": {"keys": [GOOD | {"kty": "oct"}]},
    "a kid of one's own": {"keys": [GOOD | {"kid": "mine"}]},
    "a kid in a list": {"keys": [GOOD | {"kid": [KID]}]},
    "another key's kid": {"keys": [GOOD | {"kid": KEYS["RS256"].thumbprint()}]},
    "alg none": {"keys": [GOOD | {"alg": "none"}]},
    "alg HS256": {"keys": [GOOD | {"alg": "HS256"}]},
    "alg ES384": {"keys": [GOOD | {"alg": "ES384"}]},
    "alg RS256": {"keys": [GOOD | {"alg": "RS256"}]},
    "alg EdDSA": {"keys": [GOOD | {"alg": "EdDSA"}]},
    "alg in a list": {"keys": [GOOD | {"alg": ["ES256"]}]},
    "x a number": {"keys": [GOOD | {"x": 1}]},
    "x too short": {"keys": [GOOD | {"x": "AAAA"}]},
    "x no ASCII": {"keys": [GOOD | {"x": "é"}]},
    "not on the curve": {"keys": [GOOD | {"y": GOOD["x"]}]},
    "another crv": {"keys": [GOOD | {"crv": "P-384"}]},
    "a key on P-384": {"keys": [public_jwk(ECKey.generate_key("P-384"), "ES256")]},
    "a key on secp256k1": {"keys": [public_jwk(ECKey.generate_key("secp256k1"), "ES256")]},
    "a key on Ed448": {"keys": [public_jwk(OKPKey.generate_key("Ed448"), "EdDSA")]},
    "a key on X25519": {"keys": [public_jwk(OKPKey.generate_key("X25519"), "EdDSA")]},
    "a secret": {"keys": [OctKey.generate_key(256).as_dict() | {"use": "sig", "alg": "HS256", "kid": "shared"}]},
}


@pytest.mark.parametrize("document", NONSENSE.values(), ids=NONSENSE)
def test_a_set_with_anything_else_is_refused_whole(document):
    with pytest.raises(ValueError, match=r"."):
        read_key_set(document)


def test_a_short_rsa_key_is_refused():
    with warnings.catch_warnings(action="ignore"):
        short = public_jwk(RSAKey.generate_key(1024), "RS256")
        with pytest.raises(ValueError, match="too short"):
            read_key_set({"keys": [short]})


def test_the_shared_secret_is_the_only_key_of_its_mode():
    keys = shared_key("s" * 32)

    assert keys == {"shared": VerifyingKey("shared", "HS256", b"s" * 32)}
