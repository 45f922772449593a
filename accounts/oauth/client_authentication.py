"""How a client proves who it is: a secret, a signed assertion (RFC 7523), or nothing but its name if it is public."""

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple, TypeGuard

from django.conf import settings
from django.db import IntegrityError, transaction
from jwt import PyJWS

from accounts.models import Client, UsedAssertion
from accounts.models.clients import ALGORITHMS
from accounts.oauth import clients
from accounts.oauth.clients import InvalidClient
from database import batch_delete, clock
from tokens.errors import TokenRefused
from tokens.jws import ParsedJWS, parse_jws
from tokens.keys import import_key

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TOKEN_ENDPOINT = "/oauth/token"  # noqa: S105 - the name of an address
LONGEST_LIFE = timedelta(hours=1)
"""Of an assertion; Authlib's live as long, unless it is told otherwise."""
SKEW = timedelta(seconds=30)
"""By how much a client's clock may be ahead."""
REFUSED_HEADERS = frozenset({"b64", "crit", "zip"})

_jws = PyJWS()


class Credentials(NamedTuple):
    """What a client says of itself: its id, and a secret or an assertion."""

    client_id: str
    secret: str = ""
    assertion: str = ""


def authenticate(credentials: Credentials, *, endpoint: str) -> Client:
    """The client that shows these; raises `InvalidClient`.

    An assertion is meant for the issuer, for `endpoint`, or, as libraries have it wherever they send it, for the token
    endpoint.
    """
    if credentials.assertion:
        return read_assertion(credentials, endpoint=endpoint)
    if credentials.secret:
        return clients.authenticate(credentials.client_id, credentials.secret)

    found = Client.objects.filter(pk=credentials.client_id, is_active=True, is_public=True).first()
    if not found or found.jwks:
        raise InvalidClient
    return found


def read_assertion(credentials: Credentials, *, endpoint: str) -> Client:
    """The client that signed an assertion, which is used up by that."""
    try:
        parts = parse_jws(credentials.assertion)
    except TokenRefused as error:
        raise InvalidClient from error

    claims = parts.claims
    issuer = claims.get("iss")
    named = isinstance(issuer, str) and claims.get("sub") == issuer and credentials.client_id in ("", issuer)
    client = Client.objects.filter(pk=issuer, is_active=True).first() if named and "\0" not in str(issuer) else None
    if not client or not is_signed(parts, client) or not is_meant(claims, endpoint=endpoint):
        raise InvalidClient

    use_up(client, claims)
    return client


def is_signed(parts: ParsedJWS, client: Client) -> bool:
    """Whether one of a client's keys signed it, by the algorithm of that key."""
    header = parts.header
    if not REFUSED_HEADERS.isdisjoint(header):
        return False

    keys = [jwk for jwk in (client.jwks or {}).get("keys", []) if jwk.get("kid") == header.get("kid", jwk.get("kid"))]
    return any(verifies(jwk, parts) for jwk in keys if ALGORITHMS[jwk["kty"]] == header.get("alg"))


def verifies(jwk: Mapping[str, Any], parts: ParsedJWS) -> bool:
    algorithm = ALGORITHMS[jwk["kty"]]
    key = import_key(dict(jwk), algorithm).public_key
    return _jws.get_algorithm_by_name(algorithm).verify(parts.signed, key, parts.signature)


def is_meant(claims: Mapping[str, Any], *, endpoint: str) -> bool:
    """Whether an assertion is for us, now, and can be told from any other."""
    audience = claims.get("aud")
    # Meant for somebody else as well, it could be sent on to us by them.
    named = audience[0] if isinstance(audience, list) and len(audience) == 1 else audience
    now, expires_at, jti = clock.time(), claims.get("exp"), claims.get("jti")
    starts = [claims[name] for name in ("iat", "nbf") if name in claims]
    latest_start = now + SKEW.total_seconds()
    return (
        named in (settings.ISSUER, endpoint, f"{settings.ISSUER}{TOKEN_ENDPOINT}")
        and is_number(expires_at)
        and now < expires_at <= latest_start + LONGEST_LIFE.total_seconds()
        and all(is_number(start) and start <= latest_start for start in starts)
        and isinstance(jti, str)
        and 1 <= len(jti) <= 255
    )


def is_number(time: object) -> TypeGuard[float]:
    """Whether it is a time of a JWT, which may have a fraction (RFC 7519 2)."""
    return type(time) in (int, float)


def use_up(client: Client, claims: Mapping[str, Any]) -> None:
    """Note that an assertion was used; raises `InvalidClient` for one that was before."""
    key = hashlib.sha256(f"{client.pk}\n{claims['jti']}".encode()).hexdigest()
    # Longer than any with the same `jti` could live.
    expires_at = clock.now() + LONGEST_LIFE + SKEW
    try:
        with transaction.atomic():
            UsedAssertion.objects.create(key=key, expires_at=expires_at)
    except IntegrityError as error:
        raise InvalidClient from error


def clear_assertions() -> int:
    """Delete what is known of assertions that have expired; how many."""
    return batch_delete.delete(UsedAssertion.objects.filter(expires_at__lt=clock.now()))
