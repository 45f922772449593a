"""Authorization codes: given for a person's answer, exchanged once for a session of the app (RFC 6749 4.1.2)."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from datetime import timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import transaction

from accounts.login import sessions
from accounts.login.sessions import Origin
from accounts.models import AuthorizationCode, Client, Session, User
from accounts.models.redirects import is_registered
from accounts.models.sessions import session_by_id
from accounts.oauth import app_scopes, consents
from accounts.oauth.app_scopes import Access
from accounts.oauth.authorization import AuthorizationRequest, Return
from accounts.oauth.clients import hash_secret
from accounts.people import access
from database import batch_delete, clock
from tokens.jws import encode_base64url
from wire.events import SYSTEM

LIFETIME = timedelta(seconds=60)
VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}", re.ASCII)


class InvalidCode(Exception):
    """The code is unknown, used, expired, another client's, or not proven to be the caller's."""


def give_code(session: Session, back: Return, *, asked: AuthorizationRequest, given: Access) -> str:
    """A code for an app, for what the person of a browser's session lets it do."""
    code = secrets.token_urlsafe(32)
    AuthorizationCode.objects.create(
        code_hash=hash_secret(code),
        client=back.app,
        given_in=session,
        redirect_uri=back.address,
        code_challenge=asked.challenge,
        nonce=asked.nonce,
        scopes=given.scopes,
        audience=given.audience,
        expires_at=clock.now() + LIFETIME,
    )
    return code


class Shown(NamedTuple):
    """What an app sends with a code: the verifier, where the code went, if it says so, and what services it wants."""

    verifier: str
    redirect_uri: str | None
    services: Collection[str]


class Opened(NamedTuple):
    """A session of an app, what its first token may do, and the nonce of the request."""

    session: Session
    access: Access
    nonce: str


def redeem_code(code: str, client: Client, shown: Shown, *, origin: Origin) -> Opened:
    """A session of the app, and of what was given the part for some services; raises `InvalidCode`.

    Of any number at once one opens a session. A second use ends it: somebody else has the code as well. Raises
    `InvalidScope` if nothing is left for the services: the code stays good.
    """
    opened = open_once(code, client, shown, origin=origin)
    if opened is None:
        raise InvalidCode

    return opened


@transaction.atomic
def open_once(code: str, client: Client, shown: Shown, *, origin: Origin) -> Opened | None:
    """What `redeem_code` does, or None; once a session ended here, in this transaction, nothing is raised."""
    row = AuthorizationCode.objects.filter(pk=hash_secret(code), client=client).select_related("given_in").first()
    if not row or not is_proven(row, shown.verifier) or shown.redirect_uri not in (None, row.redirect_uri):
        return None
    if not is_registered(row.redirect_uri, client.redirect_uris):
        return None
    wanted = app_scopes.remaining_access(client, Access(row.scopes, row.audience), "", shown.services)

    # Before anything else is locked, as everywhere; who ends the app waits here, or has taken the consent away.
    access.lock_users(User.objects.filter(pk=row.given_in.user_id))
    now, own = clock.now(), AuthorizationCode.objects.filter(pk=row.pk)
    if not own.filter(used_at=None, expires_at__gt=now).update(used_at=now):
        sessions.end(Session.objects.filter(pk__in=own.values("opened")), reason="code reuse", by=SYSTEM)
        return None

    given_in = session_by_id.first(session_id=row.given_in_id)
    if not given_in or not sessions.goes_on(given_in) or not consents.is_given(given_in.user, client):
        return None

    session = sessions.open_app_session(given_in, origin, scopes=row.scopes, audience=row.audience)
    own.update(opened=session)
    return Opened(session, wanted, row.nonce)


def is_proven(row: AuthorizationCode, verifier: str) -> bool:
    """Whether whoever sends a code began the request that it answers (RFC 7636 4.6)."""
    if not VERIFIER.fullmatch(verifier):
        return False

    challenge = encode_base64url(hashlib.sha256(verifier.encode()).digest())
    return hmac.compare_digest(challenge, row.code_challenge)


def clear_codes() -> int:
    """Delete the codes that nobody can use any more, once a second use has had its time to come; how many."""
    return batch_delete.delete(AuthorizationCode.objects.filter(expires_at__lt=clock.now() - settings.KEPT["codes"]))
