"""Tokens are made here, by SimpleJWT: access tokens (RFC 9068) and refresh tokens of our own."""

import hashlib
import hmac
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from django.conf import settings
from jwt import PyJWS
from jwt.utils import base64url_decode, base64url_encode
from rest_framework_simplejwt import tokens as simplejwt
from rest_framework_simplejwt.backends import TokenBackend

from accounts.issuing.key_derivation import derive_keys
from accounts.issuing.keys import Signer, current_signer
from accounts.models import Client, Role, Session, User, combined_scopes
from accounts.models.people import roles_of
from database import clock
from tokens import encryption, status_list
from tokens.errors import TokenRefused
from tokens.jws import parse_jws
from tokens.keys import VerifyingKey, low_s
from tokens.scopes import IDENTITY_SCOPES, OWN_SCOPES, SERVICE_OF, SERVICES, STAFF_SCOPES, VERIFIED_SCOPES

ACCESS_TYPE = "at+jwt"
REFRESH_TYPE, REFRESH_ALGORITHM = "rt+jwt", "HS256"
REFRESH_PURPOSE = "refresh tokens"
MAX_VARIABLE = 1330
"""Bytes of JSON that audience, scope, name, e-mail address, roles and twice the issuer may take, so that any token fits
a cookie of 4,096 bytes, even an encrypted one signed by RSA."""

NOT_EXCHANGED = frozenset({"iat", "exp", "jti", "withheld"})
"""What a token that was exchanged for another does not take over from it."""

EXCHANGED_LIFETIME = timedelta(seconds=60)
"""For how long a client that is switched off may use what it has exchanged."""

_jws = PyJWS()


class SigningBackend(TokenBackend):
    """Signs with the key that signs now, and names it in the header."""

    def __init__(self, token_type: str, by: Signer | None = None) -> None:
        super().__init__(settings.JWT_ALGORITHM)
        self.token_type, self.signer = token_type, by

    def encode(self, payload: dict[str, Any]) -> str:
        """A signed JWT, its letters in UTF-8, not escaped; with ES256 in low-s form."""
        kid, algorithm, key = self.signer or current_signer()
        headers = {"typ": self.token_type, "kid": kid}
        token = _jws.encode(orjson.dumps(payload), key, algorithm=algorithm, headers=headers)
        return with_low_s(token) if algorithm == "ES256" else token


def with_low_s(token: str) -> str:
    signed, _, signature = token.rpartition(".")
    return f"{signed}.{base64url_encode(low_s(base64url_decode(signature))).decode()}"


class AccessToken(simplejwt.AccessToken):
    """An access token by RFC 9068."""

    lifetime = settings.TOKEN_LIFETIME

    def __init__(self, by: Signer | None = None) -> None:
        super().__init__()
        self.signer = by
        issued_at = clock.now()
        self.set_exp(from_time=issued_at, lifetime=self.lifetime)
        self.set_iat(at_time=issued_at)

    def get_token_backend(self) -> TokenBackend:
        return SigningBackend(ACCESS_TYPE, self.signer)

    def __str__(self) -> str:
        """The token as it is issued: signed, and encrypted where a key for that is set."""
        return encryption.encrypt(super().__str__())


def issue_access(session: Session, roles: Sequence[Role] | None = None, by: Signer | None = None) -> str:
    """An access token for the person of a session, with what their roles carry; these, and what signs now, are read,
    if not given."""
    roles = roles_of(user_id=session.user_id) if roles is None else roles
    claims: dict[str, Any] = {"sub": session.user.sub, "aud": session.audience or list(SERVICES)}
    claims |= {"client_id": session.client_id, "sid": str(session.pk)}
    carried = carried_scopes(session, roles)
    earned = earned_scopes(session, carried)
    withheld = [scope for scope in carried if scope not in earned]
    claims |= {"scope": " ".join(earned), **({"withheld": " ".join(withheld)} if withheld else {})}
    claims |= proof_claims(session)
    taken = json_size(claims["aud"], " ".join(carried), settings.ISSUER, settings.ISSUER)
    profile = profile_claims(session.user, roles, room=MAX_VARIABLE - taken)
    claims |= profile if session.scopes is None else app_claims(profile, carried)
    return sign_access(AccessToken(by), session.status_id, claims)


def carried_scopes(session: Session, roles: Iterable[Role]) -> list[str]:
    """What a session may do by some roles; an app no more than it was let do, nothing of `OWN_SCOPES`, and who one is.

    What is of no service in its audience the app knows from its ID token, and no service learns by its access token.
    """
    carried = combined_scopes(roles)
    if session.scopes is None:
        return carried

    held, services = {*session.scopes} & {*carried, *IDENTITY_SCOPES} - OWN_SCOPES, session.audience or SERVICES
    return sorted(scope for scope in held if SERVICE_OF.get(scope) in services)


def token_scopes(session: Session, roles: Iterable[Role]) -> list[str]:
    """The scopes of the access tokens of a session with some roles."""
    return earned_scopes(session, carried_scopes(session, roles))


def app_claims(profile: dict[str, Any], scopes: Iterable[str]) -> dict[str, Any]:
    """Of what a token says of a person that which an app may know; roles are nothing to it."""
    known = {"name": "profile", "email": "email"}
    return {"roles": [], **{claim: profile[claim] for claim, scope in known.items() if scope in scopes}}


def earned_scopes(session: Session, scopes: Iterable[str]) -> list[str]:
    """Those of some scopes that the person of a session has proven enough for: their e-mail address, two factors."""
    withheld = set() if session.user.email_verified_at else {*VERIFIED_SCOPES}
    if settings.STAFF_FACTORS > 1 and session.acr != "aal2":
        withheld |= {*STAFF_SCOPES.values()}
    return [scope for scope in scopes if scope not in withheld]


def proof_claims(session: Session) -> dict[str, Any]:
    """How and when the person proved who they are (RFC 9068 2.2.1, RFC 8176), and that the e-mail address is theirs."""
    methods = {"amr": session.amr.split()} if session.amr else {}
    verified = {"email_verified": True} if session.user.email_verified_at else {}
    return {"auth_time": int(session.proven_at.timestamp()), "acr": session.acr, **methods, **verified}


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


class ExchangedToken(AccessToken):
    """An access token for one call in somebody's name; it ends soon: its client has no entry for it."""

    lifetime = EXCHANGED_LIFETIME


def issue_exchanged(claims: Mapping[str, Any], **changed: Any) -> str:
    """An access token that says what another one says, but for what is `changed`, and ends no later than it.

    It has the same entry in the status lists: what revokes the one revokes the other.
    """
    token = ExchangedToken()
    own = {name: value for name, value in claims.items() if name not in NOT_EXCHANGED}
    token.payload.update({**own, **changed, "jti": str(uuid.uuid4())})
    token.payload["exp"] = min(token.payload["exp"], claims["exp"])
    return str(token)


def issue_client_access(client: Client, scope: str, audience: list[str]) -> str:
    """An access token for a registered client (RFC 9068 2.2: its `sub` is its id)."""
    claims = {"sub": client.pk, "aud": audience, "client_id": client.pk, "scope": scope, "roles": []}
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
    """The refresh token of a session's generation: the same text, however often it is asked for, since every claim
    comes from the session's row."""
    expires_at = min(session.rotated_at + settings.REFRESH_IDLE_LIFETIME, session.expires_at)
    claims = {
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
    key = derive_keys(REFRESH_PURPOSE)[0]
    return _jws.encode(orjson.dumps(claims), key, algorithm=REFRESH_ALGORITHM, headers={"typ": REFRESH_TYPE})


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
    parts = parse_jws(token)
    if (parts.header.get("typ"), parts.header.get("alg")) != (REFRESH_TYPE, REFRESH_ALGORITHM):
        raise TokenRefused("The token is not a refresh token.")
    if not any(key.verifies(parts.signed, parts.signature) for key in refresh_keys()):
        raise TokenRefused("The refresh token is not ours.")

    claims = parts.claims
    if (claims.get("iss"), claims.get("aud")) != (settings.ISSUER, "accounts"):
        raise TokenRefused("The refresh token is another issuer's.")
    if claims["exp"] <= clock.time():
        raise TokenRefused("The refresh token has expired.")

    return RefreshClaims(uuid.UUID(claims["sid"]), claims["generation"], claims["client_id"])


def refresh_keys() -> list[VerifyingKey]:
    return [VerifyingKey("", REFRESH_ALGORITHM, key) for key in derive_keys(REFRESH_PURPOSE)]


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
    return SigningBackend(status_list.TYPE, by).encode(claims)
