"""Log-ins: opened with a password, renewed by exactly one refresh at a time, ended everywhere."""

import uuid
from datetime import timedelta
from functools import cache
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth import authenticate
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.issuing import status_lists
from accounts.issuing.tokens import RefreshClaims, issue_access, issue_refresh, read_refresh
from accounts.login import throttling
from accounts.models import Event, Session, TokenStatus, User
from database import batch_delete
from database.prepared import Change, insert, slots
from tokens.errors import TokenRefused
from wire.events import SYSTEM, Actor, Named


class InvalidCredentials(Exception):
    """There is no active user with that e-mail address and password."""


class RefreshRefused(Exception):
    """The refresh token renews nothing: forged, used up, expired or ended."""


class Grant(NamedTuple):
    """What a log-in or a refresh gives; `expires_in` is in seconds."""

    access: str
    refresh: str
    expires_in: int


class Origin(NamedTuple):
    """Where a log-in comes from: client id, device as it calls itself, and address."""

    client_id: str
    device: str = ""
    address: str | None = None


def log_in(email: str, password: str, origin: Origin) -> Grant:
    """Open a session for who knows the password.

    Raises `InvalidCredentials`, told alike and as late for an unknown user, or `TooManyFailures`.
    """
    address = throttling.read_address(origin.address)
    limits = throttling.limits_of(email, address)
    wait = throttling.count(limits)
    user = authenticate(username=email, password=password)
    if not isinstance(user, User):
        throttling.tell_failure(email, address, wait=wait)
        raise InvalidCredentials

    throttling.forgive(limits)
    return open_session(user, origin)


@transaction.atomic
def open_session(user: User, origin: Origin) -> Grant:
    """A new session with an entry of its own in the status lists.

    Raises `InvalidCredentials` if the user was disabled or given another password a moment ago:
    the row is compared and locked first, so that what ends sessions misses none that just opens.
    """
    now = timezone.now()
    if not entering().run(user.pk, user.password, now):
        raise InvalidCredentials

    entry = TokenStatus()
    insert([entry])
    session = Session(
        user=user,
        client_id=origin.client_id,
        device=origin.device[:200],
        address=throttling.read_address(origin.address),
        status=entry,
        created_at=now,
        rotated_at=now,
        expires_at=now + settings.SESSION_LIFETIME,
    )
    insert([session])
    by = Named(user.sub, origin.client_id)
    Event.objects.record(session, "logged in", by=by, device=session.device, address=session.address)
    return grant(session)


@cache
def entering() -> Change:
    """Note when an active user with a password hash logged in."""
    key, password, now = slots(User, "id", "password", "last_login")
    return Change(User.objects.filter(pk=key, password=password, is_active=True), last_login=now)


def grant(session: Session) -> Grant:
    lifetime = int(settings.TOKEN_LIFETIME.total_seconds())
    return Grant(issue_access(session), issue_refresh(session), lifetime)


def refresh(token: str, *, client_id: str) -> Grant:
    """Renew a session: of any number of refreshes with one token, one moves it on.

    A retry with the token before, within the grace, is given the same successor again. Any older
    one was stolen from somebody: the session ends. Raises `RefreshRefused`.
    """
    claims = read(token)
    if claims.client_id != client_id:
        raise RefreshRefused("The refresh token was given to another client.")

    granted = renew(claims)
    if granted is None:
        raise RefreshRefused("The refresh token was used before or its session has ended.")

    return granted


def read(token: str) -> RefreshClaims:
    try:
        return read_refresh(token)
    except TokenRefused as error:
        raise RefreshRefused(str(error)) from error


@transaction.atomic
def renew(claims: RefreshClaims) -> Grant | None:
    """The grant that a refresh token earns, or None; a reuse ends the session in this transaction."""
    idle_since = timezone.now() - settings.REFRESH_IDLE_LIFETIME
    won = Session.objects.renew(
        claims.session_id, generation=claims.generation, client_id=claims.client_id, idle_since=idle_since
    )
    session = Session.objects.read(claims.session_id)
    if not session or session.ended_at:
        return None

    if not is_earned(session, claims, won=won):
        return None

    return grant(session) if renumber(session) else None


def is_earned(session: Session, claims: RefreshClaims, *, won: bool) -> bool:
    """Whether a living session goes on; it ends here for a disabled user, and when an old token is used."""
    if not session.user.is_active:
        end(Session.objects.filter(pk=session.pk), reason="disabled", by=SYSTEM)
        return False

    if won or is_retry(session, claims):
        return True

    if claims.generation < session.generation:
        end(Session.objects.filter(pk=session.pk), reason="reuse", by=SYSTEM)
    return False


def is_retry(session: Session, claims: RefreshClaims) -> bool:
    """Whether a token is the one before, asked about again since the answer was lost."""
    since = timezone.now() - session.rotated_at
    return claims.generation + 1 == session.generation and since <= settings.REFRESH_GRACE


def renumber(session: Session) -> bool:
    """Give a living session whose bit was set, since its scopes shrank, a new entry; whether it still lives.

    Of several at once one does, so that no token is left with an entry that the session lost.
    """
    if session.status.revoked_at is None:
        return True

    entry = TokenStatus.objects.create()
    moved = Session.objects.alive().filter(pk=session.pk, status=session.status_id).update(status=entry)
    if moved:
        session.status = entry
        return True

    session.refresh_from_db(fields=["status", "ended_at"])
    return session.ended_at is None


def log_out(token: str) -> None:
    """End the session of a refresh token, also one that was used; raises `RefreshRefused`."""
    claims = read(token)
    found = Session.objects.filter(pk=claims.session_id)
    for session in found.select_related("user"):
        end(found, reason="log-out", by=Named(session.user.sub, session.client_id))


def living(sub: str) -> QuerySet[Session]:
    """The sessions of a user that may still be renewed, the latest used first."""
    return Session.objects.alive().filter(user__pk=sub, **unexpired()).order_by("-rotated_at")


def unexpired() -> dict[str, Any]:
    now = timezone.now()
    return {"expires_at__gt": now, "rotated_at__gt": now - settings.REFRESH_IDLE_LIFETIME}


def may_have_tokens() -> dict[str, Any]:
    """As `unexpired`, with those whose last access token may outlive them."""
    return unexpired() | {"expires_at__gt": timezone.now() - settings.TOKEN_LIFETIME}


def others(sub: str, sid: str) -> QuerySet[Session]:
    """The sessions of a user but one."""
    return Session.objects.filter(user__pk=sub).exclude(pk__in=[sid] if sid else [])


@transaction.atomic
def end(sessions: "QuerySet[Session]", *, reason: str, by: Actor) -> int:
    """End those of some sessions that live, their tokens with them; how many that were."""
    ids = lock(sessions)
    for batch in batch_delete.batches(ids):
        end_batch(batch, reason=reason, by=by)
    return len(ids)


@transaction.atomic
def reduce(sessions: "QuerySet[Session]") -> None:
    """Revoke the access tokens of some sessions; the sessions go on, with a new entry from their next refresh."""
    for batch in batch_delete.batches(lock(sessions.filter(**may_have_tokens()))):
        status_lists.revoke(Session.objects.filter(pk__in=batch))


def lock(sessions: "QuerySet[Session]") -> list[uuid.UUID]:
    """Which of some sessions live, held until the transaction ends: no refresh is under way in them
    any more, so that the entries they have now are the ones their tokens have."""
    living = Session.objects.alive().filter(pk__in=sessions.order_by().values("pk"))
    return list(living.select_for_update().order_by("pk").values_list("pk", flat=True))


def end_batch(ids: list[uuid.UUID], *, reason: str, by: Actor) -> None:
    ended = Session.objects.filter(pk__in=ids)
    status_lists.revoke(ended)
    ended.update(ended_at=timezone.now(), end_reason=reason)
    events = [Event.objects.draft(Session(pk=sid), "session ended", by=by, reason=reason) for sid in ids]
    Event.objects.bulk_create(events)


def clear() -> int:
    """Delete sessions that have been over for a month, the trail stays; how many."""
    month = timezone.now() - timedelta(days=30)
    over = Q(ended_at__lt=month) | Q(expires_at__lt=month) | Q(rotated_at__lt=month - settings.REFRESH_IDLE_LIFETIME)
    return batch_delete.clear(Session.objects.filter(over))
