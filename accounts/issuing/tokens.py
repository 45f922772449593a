"""Where tokens are made: the border to SimpleJWT (RFC 9068 access tokens, refresh tokens of our own)."""

import hashlib
import hmac
import time
import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from django.conf import settings
from jwt import PyJWS
from jwt.utils import base64url_decode, base64url_encode
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from accounts.issuing.key_derivation import derive
from accounts.issuing.keys import Signer, signer
from accounts.models import Client, Role, Session, User, granted, roles_of
from tokens import encryption, status_list
from tokens.errors import TokenRefused
from tokens.jws import parse_jws
from tokens.keys import low_s
from tokens.scopes import SERVICES

ACCESS_TYPE = "at+jwt"
REFRESH_TYPE = "rt+jwt"
REFRESH_PURPOSE = "refresh tokens"
ROOM = 1250
"""Bytes of JSON that name, e-mail address and roles may take, so that any token fits a cookie of 4,096 bytes, even an
encrypted one that RSA signed."""
CLOCK_SKEW = 30
"""Seconds that the clock of one process of accounts may be ahead of another's."""

_jws = PyJWS()


class SigningBackend(TokenBackend):
    """Signs with the key that signs now, and names it in the header."""

    def __init__(self, token_type: str) -> None:
        super().__init__(settings.JWT_ALGORITHM)
        self.token_type = token_type

    def encode(self, payload: dict[str, Any], by: Signer | None = None) -> str:
        """A signed JWT, its letters in UTF-8, not escaped; ES256 with the lower of its two signatures."""
        kid, algorithm, key = by or signer()
        headers = {"typ": self.token_type, "kid": kid}
        token = _jws.encode(orjson.dumps(payload), key, algorithm=algorithm, headers=headers)
        return make_canonical(token) if algorithm == "ES256" else token


def make_canonical(token: str) -> str:
    signed, _, signature = token.rpartition(".")
    return f"{signed}.{base64url_encode(low_s(base64url_decode(signature))).decode()}"


class Access(AccessToken):
    """An access token by RFC 9068."""

    lifetime = settings.TOKEN_LIFETIME

    def get_token_backend(self) -> TokenBackend:
        return SigningBackend(ACCESS_TYPE)

    def __str__(self) -> str:
        """The token as it leaves: signed, and encrypted where a key for that is set."""
        return encryption.encrypt(super().__str__())


class Refresh(RefreshToken):
    """A refresh token whose every claim comes from its session's row; read by accounts alone."""

    lifetime = settings.REFRESH_IDLE_LIFETIME

    def get_token_backend(self) -> TokenBackend:
        return RefreshBackend(derive(REFRESH_PURPOSE)[0])


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
    """An access token for the person of a session, with the scopes that his roles carry now."""
    roles = roles_of().find(session.user_id)
    token = Access()
    token.payload.update(
        iss=settings.ISSUER,
        sub=session.user.sub,
        aud=list(SERVICES),
        client_id=session.client_id,
        jti=str(uuid.uuid4()),
        sid=str(session.pk),
        scope=" ".join(granted(roles)),
        status=write_status(session.status_id),
        **describe(session.user, roles),
    )
    return str(token)


def describe(user: User, roles: Iterable[Role]) -> dict[str, Any]:
    """What people read of a user: roles that find no room are left out, and then the end of a long name."""
    name, names = user.name, sorted(role.name for role in roles)
    while names and measure(name, user.email, names) > ROOM:
        names.pop()
    while name and measure(name, user.email, names) > ROOM:
        name = name[:-1]
    return {"name": name, "email": user.email, "roles": names}


def measure(*values: object) -> int:
    return sum(len(orjson.dumps(value)) for value in values)


class ClientAccess(Access):
    """An access token of a machine; it lives longer, so that it outlasts any customer's in an outage."""

    lifetime = settings.CLIENT_TOKEN_LIFETIME


def issue_client_access(client: Client, scope: str) -> str:
    """An access token for a registered client (RFC 9068 2.2: its `sub` is its id)."""
    token = ClientAccess()
    token.payload.update(
        iss=settings.ISSUER,
        sub=client.pk,
        aud=sorted(client.audience),
        client_id=client.pk,
        jti=str(uuid.uuid4()),
        scope=scope,
        roles=[],
        status=write_status(client.status_id),
    )
    return str(token)


def write_status(number: int) -> dict[str, Any]:
    """The `status` claim of entry `number` (draft-ietf-oauth-status-list-20, 6.2)."""
    position = status_list.locate(number)
    uri = f"{settings.ISSUER}{status_list.PATH}{position.list}"
    return {"status_list": {"idx": position.entry, "uri": uri}}


def issue_refresh(session: Session) -> str:
    """The refresh token of a session's generation: the same text, however often it is asked for."""
    token = Refresh()
    token.payload = {
        "iss": settings.ISSUER,
        "aud": "accounts",
        "sub": session.user.sub,
        "client_id": session.client_id,
        "sid": str(session.pk),
        "generation": session.generation,
        "iat": seconds(session.rotated_at),
        "exp": seconds(min(session.rotated_at + settings.REFRESH_IDLE_LIFETIME, session.expires_at)),
        "jti": name_generation(session),
        "token_type": "refresh",
    }
    return str(token)


def seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def name_generation(session: Session) -> str:
    """The `jti` of a generation: unguessable, and stored nowhere."""
    text = f"{session.pk}.{session.generation}".encode()
    return hmac.new(derive(REFRESH_PURPOSE)[0], text, hashlib.sha256).hexdigest()


class RefreshClaims(NamedTuple):
    """What a true refresh token says."""

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
    for key in derive(REFRESH_PURPOSE):
        try:
            return Signed(token, key).payload
        except TokenError:
            continue

    raise TokenRefused("The refresh token is not ours or has expired.")


class Signed(Refresh):
    """A refresh token that came back, checked under one key."""

    def __init__(self, token: Any, key: bytes) -> None:
        self._key = key
        super().__init__(token)

    def get_token_backend(self) -> TokenBackend:
        return RefreshBackend(self._key)


def sign_status_list(number: int, held: status_list.StatusList, by: Signer) -> str:
    """A status list token (draft-ietf-oauth-status-list-20, 5.1), signed by a key that signs now."""
    claims = {
        "sub": f"{settings.ISSUER}{status_list.PATH}{number}",
        "iat": held.issued_at,
        "exp": held.expires_at,
        "ttl": 4,
        "status_list": {"bits": 1, "lst": status_list.compress(held.bits)},
    }
    return SigningBackend(status_list.TYPE).encode(claims, by)
