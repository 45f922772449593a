"""ID tokens: they tell an app who logged in to it, and open nothing (OpenID Connect Core 2)."""

import hashlib
from typing import Any

from django.conf import settings

from accounts.issuing.keys import current_signer, stored_keys
from accounts.issuing.tokens import SigningBackend
from accounts.models import Session
from database import clock
from tokens.errors import TokenRefused
from tokens.jws import encode_base64url, parse_jws

TYPE = "JWT"
"""Not that of an access token, so that no service takes one for the other."""


def issue_id_token(session: Session, *, nonce: str, access_token: str) -> str:
    """Who logged in to the app that a session is of, when and how; what its scopes say of the person."""
    now, user, scopes, signer = int(clock.time()), session.user, session.scopes or [], current_signer()
    claims: dict[str, Any] = {
        "iss": settings.ISSUER,
        "sub": user.sub,
        "aud": session.client_id,
        "iat": now,
        "exp": now + int(settings.TOKEN_LIFETIME.total_seconds()),
        "auth_time": int(session.proven_at.timestamp()),
        "acr": session.acr,
        "sid": str(session.pk),
        "at_hash": hash_token(access_token, signer.algorithm),
    }
    claims |= {"amr": session.amr.split()} if session.amr else {}
    claims |= {"nonce": nonce} if nonce else {}
    claims |= {"name": user.name} if "profile" in scopes else {}
    verified = user.email_verified_at is not None
    claims |= {"email": user.email, "email_verified": verified} if "email" in scopes else {}
    return SigningBackend(TYPE, signer).encode(claims)


def hash_token(token: str, algorithm: str) -> str:
    """The `at_hash` of an access token: half of the hash that is of the ID token's algorithm (Core 3.1.3.6)."""
    hashed = hashlib.sha512 if algorithm == "EdDSA" else hashlib.sha256
    digest = hashed(token.encode()).digest()
    return encode_base64url(digest[: len(digest) // 2])


def read_id_token(text: str) -> dict[str, Any]:
    """The claims of an ID token that we issued once, expired or not; raises `TokenRefused`."""
    parts = parse_jws(text)
    key = stored_keys().get(str(parts.header.get("kid")))
    if parts.header.get("typ") != TYPE or not key or parts.header.get("alg") != key.algorithm:
        raise TokenRefused("It is no ID token of ours.")
    if not key.verifies(parts.signed, parts.signature) or parts.claims.get("iss") != settings.ISSUER:
        raise TokenRefused("It is no ID token of ours.")

    return parts.claims
