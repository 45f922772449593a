"""An issuer that lives in memory, so that a service is tested without accounts."""

import time
import uuid
from typing import Any

import jwt
from django.conf import settings
from joserfc.jwk import ECKey
from jwt.utils import base64url_decode, base64url_encode

from tokens.errors import TokenRefused
from tokens.keys import VerifyingKey, lower
from tokens.scopes import SERVICES
from tokens.status_list import LIST_SIZE, PATH, StatusList, set_bits

KEY = ECKey.generate_key("P-256")
KID = KEY.thumbprint()


class InMemoryIssuer:
    """One key, one status list; `revoked` holds the indexes that are INVALID."""

    def __init__(self) -> None:
        self.revoked: set[int] = set()

    def keys(self) -> dict[str, VerifyingKey]:
        return {KID: PUBLIC}

    find_keys = keys

    def status_list(self, number: int) -> StatusList:
        if number != 0:
            raise TokenRefused("The token's status list is unknown.")
        now = int(time.time())
        return StatusList(set_bits(self.revoked, LIST_SIZE), now, now + 3600)


PUBLIC = VerifyingKey(KID, "ES256", KEY.public_key)


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


def sign(header: dict[str, Any] | None = None, **changes: Any) -> str:
    """A signed access token, good but for `changes` and what `header` says otherwise."""
    headers = {"typ": "at+jwt", "kid": KID, **(header or {})}
    return canonical(jwt.encode(claims(**changes), KEY.private_key, algorithm="ES256", headers=headers))


def canonical(token: str) -> str:
    """The same token with the lower of its two ES256 signatures, as accounts signs."""
    signed, _, signature = token.rpartition(".")
    return f"{signed}.{base64url_encode(lower(base64url_decode(signature))).decode()}"
