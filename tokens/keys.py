"""Public keys by their thumbprint, read from a JWK set (RFC 7517, RFC 7638)."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from jwt import PyJWS

KEY_TYPES: dict[str, Any] = {"ES256": ECKey, "RS256": RSAKey, "EdDSA": OKPKey}
CURVES = {"ES256": "P-256", "EdDSA": "Ed25519"}
SHORTEST_RSA = 2048
"""Bits of the shortest RSA key that is taken (RFC 7518 3.3)."""
PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
SHARED_KID = "shared"

_jws = PyJWS()

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def low_s(signature: bytes) -> bytes:
    """An ES256 signature in its low-s form: of (r, s) and (r, n - s), both valid, the one with the lower s.

    We sign in that form and take no other, so that nobody can make a second token out of one.
    """
    r, s = signature[:32], int.from_bytes(signature[32:], "big")
    return r + min(s, P256_ORDER - s).to_bytes(32, "big") if 0 < s < P256_ORDER and len(signature) == 64 else b""


class VerifyingKey(NamedTuple):
    """One key and the one algorithm bound to it."""

    kid: str
    algorithm: str
    material: Any

    def verifies(self, signed: bytes, signature: bytes) -> bool:
        """Whether `signature` over `signed` was made with this key (PyJWT), in low-s form if by ES256."""
        if self.algorithm == "ES256" and signature != low_s(signature):
            return False

        return _jws.get_algorithm_by_name(self.algorithm).verify(signed, self.material, signature)


KeySet = Mapping[str, VerifyingKey]
"""Verifying keys by `kid`."""


def read_key_set(document: Any) -> dict[str, VerifyingKey]:
    """The keys of a JWK set; raises `ValueError` for none, a `kid` twice or not a thumbprint, or a private member."""
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        raise ValueError("The key set is not a JWK set.")

    keys = [read_jwk(jwk) for jwk in document["keys"]]
    by_kid = {key.kid: key for key in keys}
    if not keys or len(by_kid) != len(keys):
        raise ValueError("The key set is empty or repeats a kid.")

    return by_kid


def read_jwk(jwk: Any) -> VerifyingKey:
    """One public signing key; raises `ValueError` for anything else."""
    if not isinstance(jwk, dict) or PRIVATE_MEMBERS & jwk.keys():
        raise ValueError("The key set holds something that is not a public key.")

    algorithm = jwk.get("alg")
    if not isinstance(algorithm, str) or algorithm not in KEY_TYPES or jwk.get("use") != "sig":
        raise ValueError("The key set holds a key for another purpose.")

    key = import_key(jwk, algorithm)
    if key.thumbprint() != jwk.get("kid"):
        raise ValueError("A kid is not the thumbprint of its key.")
    return VerifyingKey(jwk["kid"], algorithm, key.public_key)


def import_key(jwk: dict[str, Any], algorithm: str) -> Any:
    """The key of a JWK, if it is one that its algorithm takes (joserfc); raises `ValueError`."""
    try:
        key = KEY_TYPES[algorithm].import_key(jwk)
    except (JoseError, TypeError, KeyError, ValueError) as error:
        raise ValueError(f"A key cannot be read: {error}") from error
    if jwk.get("kty") != key.key_type or jwk.get("crv") != CURVES.get(algorithm):
        raise ValueError("A key is of another kind than its algorithm's.")
    if algorithm == "RS256" and key.public_key.key_size < SHORTEST_RSA:
        raise ValueError("An RSA key is too short.")
    return key


def shared_key(secret: str) -> dict[str, VerifyingKey]:
    """The key set of the shared-secret mode: one HS256 key that is never published."""
    return {SHARED_KID: VerifyingKey(SHARED_KID, "HS256", secret.encode())}
