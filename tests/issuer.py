"""An issuer that lives in memory, so that a service is tested without accounts."""

import re
import time
import uuid
from typing import Any

import orjson
from django.conf import settings
from joserfc.jwk import ECKey, OKPKey, RSAKey
from jwt import PyJWS
from jwt.utils import base64url_decode, base64url_encode

from tokens import encryption
from tokens.errors import ListUnknown
from tokens.jws import parse_jws
from tokens.keys import SHARED_KID, VerifyingKey, low_s, shared_key
from tokens.scopes import SERVICES
from tokens.status_list import LIST_SIZE, PATH, TYPE, StatusList, compress, set_bits

KEYS: dict[str, Any] = {
    "ES256": ECKey.generate_key("P-256"),
    "RS256": RSAKey.generate_key(2048),
    "EdDSA": OKPKey.generate_key("Ed25519"),
}
"""One key pair for each algorithm that a key set may hold."""
KEY = KEYS["ES256"]
KID = KEY.thumbprint()


class InMemoryIssuer:
    """A key of every algorithm, one status list; `revoked` holds the indexes that are INVALID."""

    def __init__(self) -> None:
        self.revoked: set[int] = set()

    def keys(self) -> dict[str, VerifyingKey]:
        return shared_key(settings.JWT_SIGNING_KEY) if is_shared() else PUBLIC_KEYS

    refetch_keys = keys

    def status_list(self, number: int) -> StatusList:
        if number != 0:
            raise ListUnknown("The token's status list is unknown.")
        now = int(time.time())
        return StatusList(set_bits(self.revoked, LIST_SIZE), now, now + 3600)


PUBLIC_KEYS = {key.thumbprint(): VerifyingKey(key.thumbprint(), name, key.public_key) for name, key in KEYS.items()}
PUBLIC = PUBLIC_KEYS[KID]


def is_shared() -> bool:
    return settings.JWT_ALGORITHM == "HS256"


def jwks(*algorithms: str) -> dict[str, Any]:
    """The JWK set of the keys of some algorithms; of all, if none is named."""
    return {"keys": [public_jwk(KEYS[name], name) for name in algorithms or KEYS]}


def public_jwk(key: Any, algorithm: str) -> dict[str, Any]:
    return {**key.as_dict(private=False), "use": "sig", "alg": algorithm, "kid": key.thumbprint()}


def claims(**changes: Any) -> dict[str, Any]:
    """The claims of a good token of a customer, with `changes`."""
    now = int(time.time())
    good = {
        "iss": settings.ISSUER,
        "sub": "00000000-0000-4000-8000-000000000001",
        "aud": list(SERVICES),
        "client_id": "api",
        "iat": now,
        "exp": now + 600,
        "jti": str(uuid.uuid4()),
        "sid": "00000000-0000-4000-8000-00000000000f",
        "name": "Alice",
        "email": "alice@example.com",
        "scope": "account orders:read orders:write products:read",
        "roles": ["customer"],
        "status": {"status_list": {"idx": 1, "uri": f"{settings.ISSUER}{PATH}0"}},
        "token_type": "access",
    }
    return good | changes


def header(by: str | None = None, **changes: Any) -> dict[str, Any]:
    """The header of a good token signed by the algorithm `by`, with `changes`."""
    algorithm = by or settings.JWT_ALGORITHM
    return {"alg": algorithm, "typ": "at+jwt", "kid": kid_of(algorithm), **changes}


def kid_of(algorithm: str) -> str:
    return SHARED_KID if algorithm == "HS256" else KEYS[algorithm].thumbprint()


def sign(changes: dict[str, Any] | None = None, by: str | None = None, **claimed: Any) -> str:
    """An access token as it leaves, good but for what its header and its claims say otherwise."""
    return encryption.encrypt(sign_inner(changes, by, **claimed))


def sign_inner(changes: dict[str, Any] | None = None, by: str | None = None, **claimed: Any) -> str:
    """The signed token alone, also where tokens leave encrypted."""
    return seal(header(by, **(changes or {})), claims(**claimed), by)


def seal(header: Any, payload: Any, by: str | None = None, key: Any = None) -> str:
    """A compact JWS over exactly this header and payload (bytes as they are, else as JSON).

    It is signed as the algorithm `by` signs, whatever the header says.
    """
    signed = f"{encode(header)}.{encode(payload)}"
    return f"{signed}.{base64url_encode(make_signature(signed.encode(), by, key)).decode()}"


def make_signature(signed: bytes, by: str | None = None, key: Any = None) -> bytes:
    algorithm = by or settings.JWT_ALGORITHM
    signature = PyJWS().get_algorithm_by_name(algorithm).sign(signed, private_key(algorithm) if key is None else key)
    return low_s(signature) if algorithm == "ES256" else signature


def private_key(algorithm: str) -> Any:
    return settings.JWT_SIGNING_KEY.encode() if algorithm == "HS256" else KEYS[algorithm].private_key


def encode(part: Any) -> str:
    return base64url_encode(part if isinstance(part, bytes) else orjson.dumps(part)).decode()


def canonical(token: str) -> str:
    """The same token with the lower of its two ES256 signatures, as accounts signs."""
    signed, _, signature = token.rpartition(".")
    return f"{signed}.{base64url_encode(low_s(base64url_decode(signature))).decode()}"


def sign_list(
    *revoked: int, number: int = 0, changes: dict[str, Any] | None = None, by: str | None = None, **claimed: Any
) -> str:
    """A status list token in which some entries are INVALID, good but for the changes."""
    now = int(time.time())
    good = {
        "sub": f"{settings.ISSUER}{PATH}{number}",
        "iat": now,
        "exp": now + 2100,
        "ttl": 4,
        "status_list": {"bits": 1, "lst": compress(set_bits(revoked))},
    }
    return seal(header(by, **({"typ": TYPE} | (changes or {}))), good | claimed, by)


def read(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The header and the claims of a token as it leaves, encrypted or not, which is not verified."""
    parts = parse_jws(encryption.decrypt(token) if token.count(".") > 2 else token)
    return parts.header, parts.claims


def challenge(service: str, said: str = "") -> str:
    """The `WWW-Authenticate` of a service's API, with what is wrong (RFC 6750 3, RFC 9728 5.1)."""
    place = f'resource_metadata="{settings.ISSUER}/.well-known/oauth-protected-resource/api/{service}"'
    return f"Bearer {said}, {place}" if said else f"Bearer {place}"


def said_in(challenge: str) -> str:
    """What a challenge says beside where tokens come from."""
    return re.sub(r',? resource_metadata="[^"]*"$', "", challenge)
