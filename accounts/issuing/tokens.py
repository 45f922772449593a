"""Tokens are made here, by SimpleJWT: access tokens (RFC 9068) and refresh tokens of our own."""

import hashlib
import hmac
import time
import uuid
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from django.conf import settings
from jwt import PyJWS
from jwt.utils import base64url_decode, base64url_encode
from rest_framework_simplejwt import tokens as simplejwt
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenError

from accounts.issuing.key_derivation import derive_keys
from accounts.issuing.keys import Signer, current_signer
from accounts.models import Client, Role, Session, User, combined_scopes
from accounts.models.people import roles_of
from tokens import encryption, status_list
from tokens.errors import TokenRefused
from tokens.jws import parse_jws
from tokens.keys import low_s
from tokens.scopes import SERVICES

ACCESS_TYPE = "at+jwt"
REFRESH_TYPE = "rt+jwt"
REFRESH_PURPOSE = "refresh tokens"
MAX_VARIABLE = 1346
"""Bytes of JSON that audience, scope, name, e-mail address, roles and twice the issuer may take, so that any token fits
a cookie of 4,096 bytes, even an encrypted one signed by RSA."""
CLOCK_SKEW = 30
"""Seconds that the clock of one process of accounts may be ahead of another's."""

_jws = PyJWS()


class SigningBackend(TokenBackend):
    """Signs with the key that signs now, and names it in the header."""

    def __init__(self, token_type: str) -> None:
        super().__init__(settings.JWT_ALGORITHM)
        self.token_type = token_type

    def encode(self, payload: dict[str, Any], by: Signer | None = None) -> str:
        """A signed JWT, its letters in UTF-8, not escaped; with ES256 in low-s form."""
        kid, algorithm, key = by or current_signer()
        headers = {"typ": self.token_type, "kid": kid}
        token = _jws.encode(orjson.dumps(payload), key, algorithm=algorithm, headers=headers)
        return with_low_s(token) if algorithm == "ES256" else token


def with_low_s(token: str) -> str:
    signed, _, signature = token.rpartition(".")
    return f"{signed}.{base64url_encode(low_s(base64url_decode(signature))).decode()}"


class AccessToken(simplejwt.AccessToken):
    """An access token by RFC 9068."""

    lifetime = settings.TOKEN_LIFETIME

    def get_token_backend(self) -> TokenBackend:
        return SigningBackend(ACCESS_TYPE)

    def __str__(self) -> str:
        """The token as it is issued: signed, and encrypted where a key for that is set."""
        return encryption.encrypt(super().__str__())


class RefreshToken(simplejwt.RefreshToken):
    """A refresh token whose every claim comes from its session's row; one sent to us is checked under `key`."""

    lifetime = settings.REFRESH_IDLE_LIFETIME

    def __init__(self, token: Any = None, key: bytes = b"") -> None:
        self._key = key or derive_keys(REFRESH_PURPOSE)[0]
        super().__init__(token)

    def get_token_backend(self) -> TokenBackend:
        return RefreshBackend(self._key)


class RefreshBackend(TokenBackend):
    """HS256 under one derived key, with the type of a refresh token."""

    def __init__(self, key: bytes) -> None:
        super().__init__("HS256", audience="accounts", issuer=settings.ISSUER, leeway=CLOCK_SKEW)
        self.key = key

    def encode(self, payload: dict[str, Any]) -> str:
        return _jws.encode(orjson.dumps(payload), self.key, algorithm="HS256", headers={"typ": REFRESH_TYPE})

    def get_verifying_key(self, token: Any) -> bytes:
        return self.key


def issue_access(session: Session) -> str:
    """An access token for the person of a session, with the scopes that their roles carry now."""
    roles = roles_of(user_id=session.user_id)
    claims = {"sub": session.user.sub, "aud": list(SERVICES), "client_id": session.client_id, "sid": str(session.pk)}
    claims["scope"] = " ".join(combined_scopes(roles))
    taken = json_size(claims["aud"], claims["scope"], settings.ISSUER, settings.ISSUER)
    claims |= profile_claims(session.user, roles, room=MAX_VARIABLE - taken)
    return sign_access(AccessToken(), session.status_id, claims)


def profile_claims(user: User, roles: Iterable[Role], *, room: int) -> dict[str, Any]:
    """What a token says of a user for people to read; too long, it loses roles, then the end of the name."""
    name, names = user.name, sorted(role.name for role in roles)
    while names and json_size(name, user.email, names) > room:
        names.pop()
    while name and json_size(name, user.email, names) > room:
        name = name[:-1]
    return {"name": name, "email": user.email, "roles": names}


def json_size(*values: object) -> int:
    return sum(len(orjson.dumps(value)) for value in values)


class ClientAccessToken(AccessToken):
    """An access token of a machine; it lives longer, so that it outlasts any customer's in an outage."""

    lifetime = settings.CLIENT_TOKEN_LIFETIME


def issue_client_access(client: Client, scope: str) -> str:
    """An access token for a registered client (RFC 9068 2.2: its `sub` is its id)."""
    claims = {"sub": client.pk, "aud": sorted(client.audience), "client_id": client.pk, "scope": scope, "roles": []}
    return sign_access(ClientAccessToken(), client.status_id, claims)


def sign_access(token: AccessToken, status: int, claims: dict[str, Any]) -> str:
    """A token with some claims and those that every access token has."""
    every = {"iss": settings.ISSUER, "jti": str(uuid.uuid4()), "status": status_claim(status)}
    token.payload.update(claims, **every)
    return str(token)


def status_claim(number: int) -> dict[str, Any]:
    """The `status` claim of entry `number` (draft-ietf-oauth-status-list-20, 6.2)."""
    listed, index = status_list.locate(number)
    return {"status_list": {"idx": index, "uri": f"{settings.ISSUER}{status_list.PATH}{listed}"}}


def issue_refresh(session: Session) -> str:
    """The refresh token of a session's generation: the same text, however often it is asked for."""
    expires_at = min(session.rotated_at + settings.REFRESH_IDLE_LIFETIME, session.expires_at)
    token = RefreshToken()
    token.payload = {
        "iss": settings.ISSUER,
        "aud": "accounts",
        "sub": session.user.sub,
        "client_id": session.client_id,
        "sid": str(session.pk),
        "generation": session.generation,
        "iat": int(session.rotated_at.timestamp()),
        "exp": int(expires_at.timestamp()),
        "jti": generation_jti(session),
        "token_type": "refresh",
    }
    return str(token)


def generation_jti(session: Session) -> str:
    """The `jti` of a generation: unguessable, and stored nowhere."""
    text = f"{session.pk}.{session.generation}".encode()
    return hmac.new(derive_keys(REFRESH_PURPOSE)[0], text, hashlib.sha256).hexdigest()


class RefreshClaims(NamedTuple):
    """The claims of a verified refresh token."""

    session_id: uuid.UUID
    generation: int
    client_id: str


def read_refresh(token: str) -> RefreshClaims:
    """The claims of a refresh token of ours that has not expired; raises `TokenRefused`."""
    if parse_jws(token).header.get("typ") != REFRESH_TYPE:
        raise TokenRefused("The token is not a refresh token.")

    payload = decode_refresh(token)
    if payload["exp"] <= time.time():
        raise TokenRefused("The refresh token has expired.")

    return RefreshClaims(uuid.UUID(payload["sid"]), payload["generation"], payload["client_id"])


def decode_refresh(token: str) -> dict[str, Any]:
    for key in derive_keys(REFRESH_PURPOSE):
        try:
            return RefreshToken(token, key).payload
        except TokenError:
            continue

    raise TokenRefused("The refresh token is not ours or has expired.")


@lru_cache(maxsize=16)
def sign_status_list(number: int, listed: status_list.StatusList, by: Signer) -> str:
    """A status list token (draft-ietf-oauth-status-list-20, 5.1), signed by a key that signs now."""
    claims = {
        "sub": f"{settings.ISSUER}{status_list.PATH}{number}",
        "iat": listed.issued_at,
        "exp": listed.expires_at,
        "ttl": 4,
        "status_list": {"bits": 1, "lst": status_list.compress(listed.bits)},
    }
    return SigningBackend(status_list.TYPE).encode(claims, by)
