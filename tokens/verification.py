"""Whether a token is to be believed (RFC 9068 4, RFC 8725)."""

import re
import threading
from collections import OrderedDict
from typing import Any, NamedTuple

from django.conf import settings
from structlog.contextvars import bind_contextvars

from database import clock
from tokens import status_list
from tokens.encryption import decrypt
from tokens.errors import IssuerUnavailable, ListUnknown, OutOfTime, TokenRefused
from tokens.issuer import CLOCK_SKEW, TokenIssuer, find_key, get_issuer
from tokens.jws import parse_jws
from tokens.keys import VerifyingKey
from tokens.status_list import StatusList

Claims = dict[str, Any]

CACHE_SIZE = 10_000
FIRST_PARTY = ("web", "api")
"""The clients of people: our own pages, and whoever calls the API with a person's password."""
TYPES = ("at+jwt", "application/at+jwt")
REFUSED_HEADERS = ("b64", "crit", "zip")

IDENTIFIER = re.compile(r"[!-~]{1,255}", re.ASCII)
SUBJECT = re.compile(r"[!-~]{1,64}", re.ASCII)
SCOPE_WORDS = re.compile(r"([!#-\[\]-~]+( [!#-\[\]-~]+)*)?", re.ASCII)
LIST_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)


class Verified(NamedTuple):
    """A token that was verified, and what has to be checked again on every use."""

    claims: Claims
    audience: frozenset[str]
    expires_at: int
    kid: str
    list_number: int
    list_index: int


class Cache:
    """The tokens verified last, at most `CACHE_SIZE`; safe to share between threads."""

    def __init__(self) -> None:
        self._entries: OrderedDict[str, Verified] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, token: str) -> Verified | None:
        return self._entries.get(token)

    def put(self, token: str, verified: Verified) -> None:
        with self._lock:
            self._entries[token] = verified
            while len(self._entries) > CACHE_SIZE:
                self._entries.popitem(last=False)

    def drop(self, token: str) -> None:
        with self._lock:
            self._entries.pop(token, None)

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()


cache = Cache()


def verify(token: str, audience: str | None, *, any_audience: bool = False) -> Claims:
    """The claims of an access token meant for `audience` (None: any service of this process).

    With a known key and documents younger than 8 s it takes no SQL and no network. `any_audience`
    is for the issuer itself, which informs others about tokens that are not meant for it; any other
    token is the caller's own, whom the log names from here on. Raises
    `TokenRefused` if the token is not to be believed here, `IssuerUnavailable` if nobody can tell.
    """
    issuer = get_issuer()
    verified = cache.get(token) or check_new(token, issuer)
    if not any_audience:
        bind_contextvars(sub=verified.claims["sub"], client_id=verified.claims["client_id"])
        if not is_meant(verified.audience, audience):
            raise TokenRefused("The token is meant for another service.")

    check_current(token, verified, issuer)
    return verified.claims


def is_meant(audience: frozenset[str], service: str | None) -> bool:
    """Whether a token with this audience is for `service`, or, if that is None, for any served here."""
    return service in audience if service else not audience.isdisjoint(settings.SERVICES)


def check_new(token: str, issuer: TokenIssuer) -> Verified:
    """Check all that stays true of a token, and remember it."""
    key, claims = check_signature(token, issuer)
    check_claims(claims)
    number, index = read_status(claims["status"])
    verified = Verified(claims, frozenset(claims["aud"]), claims["exp"], key.kid, number, index)
    cache.put(token, verified)
    return verified


def check_signature(token: str, issuer: TokenIssuer) -> tuple[VerifyingKey, Claims]:
    """The key that signed a token, and the claims, of which nothing more is checked."""
    parts = parse_jws(decrypt(token))
    key = choose_key(parts.header, issuer)
    if not key.verifies(parts.signed, parts.signature):
        raise TokenRefused("The token's signature is wrong.")

    return key, parts.claims


def read_expired(token: str, issuer: TokenIssuer | None = None) -> Claims:
    """The claims of an access token that was issued once, whether or not it has expired.

    Good for ending the session it belongs to, and for nothing else. `issuer` may know more keys than are in
    use. Raises `TokenRefused` if it is forged.
    """
    _, claims = check_signature(token, issuer or get_issuer())
    now = int(clock.time())
    # Not a second ahead: that may begin while the claims are checked.
    check_claims({**claims, "exp": now + 60, "iat": now})
    return claims


def check_current(token: str, verified: Verified, issuer: TokenIssuer) -> None:
    """Check what may change while a token lives: its time, its key and its status."""
    now = clock.time()
    if verified.expires_at <= now:
        cache.drop(token)
        raise OutOfTime("The token has expired.")

    # A kid is the thumbprint of its key: the same kid is the same key.
    keys = issuer.keys()
    if verified.kid not in keys:
        cache.drop(token)
        raise TokenRefused("The token's key is no longer in use.")

    listed = issuer.status_list(verified.list_number)
    if listed.is_revoked(verified.list_index):
        raise TokenRefused("The token was revoked.")

    check_age(listed, now)


def check_age(listed: StatusList, now: float) -> None:
    """Raise `IssuerUnavailable` if a list is too old to say."""
    if listed.expires_at <= now:
        raise IssuerUnavailable("The last known status list has expired.")


def check_issuer() -> None:
    """Raise `IssuerUnavailable` while nothing can be said about any token."""
    issuer = get_issuer()
    issuer.keys()
    try:
        check_age(issuer.status_list(0), clock.time())
    except ListUnknown as error:
        raise IssuerUnavailable("The issuer has no status list.") from error


def choose_key(header: Claims, issuer: TokenIssuer) -> VerifyingKey:
    """The key that a header names, if the rest of the header is an access token's."""
    if not header.keys().isdisjoint(REFUSED_HEADERS):
        raise TokenRefused("The token's header asks for an extension.")
    if header.get("typ") not in TYPES:
        raise TokenRefused("The token is not an access token.")

    key = require_key(header.get("kid"), issuer)
    if header.get("alg") != key.algorithm:
        raise TokenRefused("The token's algorithm is not its key's.")

    return key


def require_key(kid: object, issuer: TokenIssuer) -> VerifyingKey:
    if not is_identifier(kid):
        raise TokenRefused("The token names no key.")

    key = find_key(kid, issuer)
    if not key:
        raise TokenRefused("The token's key is unknown.")

    return key


def check_claims(claims: Claims) -> None:
    """Check every claim but the status; raises `TokenRefused` naming the first that is wrong."""
    for name, is_right in CHECKS.items():
        if not is_right(claims.get(name)):
            raise refusal(name, claims.get(name))(f"The token's {name} is wrong or missing.")
    for name, is_right in OPTIONAL_CHECKS.items():
        if name in claims and not is_right(claims[name]):
            raise TokenRefused(f"The token's {name} is wrong.")
    check_times(claims["iat"], claims["exp"])


def refusal(name: str, value: object) -> type[TokenRefused]:
    """What a wrong claim is: a time that is a time is only of the future."""
    return OutOfTime if name == "iat" and type(value) is int else TokenRefused


def check_times(issued_at: int, expires_at: int) -> None:
    longest = max(settings.TOKEN_LIFETIME, settings.CLIENT_TOKEN_LIFETIME).total_seconds()
    if expires_at <= clock.time():
        raise OutOfTime("The token has expired.")
    if not 0 < expires_at - issued_at <= longest:
        raise TokenRefused("The token lives longer than any we issue.")


def is_issuer(value: object) -> bool:
    return value == settings.ISSUER


def is_audience(value: object) -> bool:
    return is_strings(value) and bool(value)


def is_strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def is_time(value: object) -> bool:
    return type(value) is int


def is_past(value: object) -> bool:
    return type(value) is int and value <= clock.time() + CLOCK_SKEW


def is_identifier(value: object) -> bool:
    return isinstance(value, str) and bool(IDENTIFIER.fullmatch(value))


def is_subject(value: object) -> bool:
    return isinstance(value, str) and bool(SUBJECT.fullmatch(value))


def is_scope(value: object) -> bool:
    return isinstance(value, str) and bool(SCOPE_WORDS.fullmatch(value))


def is_access(value: object) -> bool:
    return value == "access"


def is_text(value: object) -> bool:
    return isinstance(value, str)


def is_flag(value: object) -> bool:
    return isinstance(value, bool)


def is_actor(value: object) -> bool:
    """Whether it says who acts in somebody's name, and who did before (RFC 8693 4.1)."""
    return isinstance(value, dict) and is_subject(value.get("sub")) and ("act" not in value or is_actor(value["act"]))


def is_status(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("status_list"), dict)


CHECKS = {
    "iss": is_issuer,
    "aud": is_audience,
    "exp": is_time,
    "iat": is_past,
    "sub": is_subject,
    "jti": is_identifier,
    "client_id": is_identifier,
    "scope": is_scope,
    "roles": is_strings,
    "token_type": is_access,
    "status": is_status,
}
OPTIONAL_CHECKS = {
    "sid": is_identifier,
    "nbf": is_past,
    "name": is_text,
    "email": is_text,
    "email_verified": is_flag,
    "withheld": is_scope,
    "auth_time": is_time,
    "acr": is_text,
    "amr": is_strings,
    "act": is_actor,
}


def read_status(status: Claims) -> tuple[int, int]:
    """The number of the list and the index in it that a `status` claim points to; raises `TokenRefused`."""
    uri, index = status["status_list"].get("uri"), status["status_list"].get("idx")
    prefix = settings.ISSUER + status_list.PATH
    if not isinstance(uri, str) or not uri.startswith(prefix):
        raise TokenRefused("The token's status list is not its issuer's.")
    if not LIST_NUMBER.fullmatch(uri.removeprefix(prefix)):
        raise TokenRefused("The token's status list has no number.")
    if type(index) is not int or index < 0:
        raise TokenRefused("The token's status index is not a number.")

    return int(uri.removeprefix(prefix)), index


def is_person(sub: str) -> bool:
    """Whether a `sub` is a person's, not a client's: people are uuids."""
    return bool(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", sub))


def is_delegated(claims: Claims) -> bool:
    """Whether an app or a service got a person's token: they did not log in with it themselves."""
    return is_person(claims["sub"]) and (claims["client_id"] not in FIRST_PARTY or "act" in claims)
