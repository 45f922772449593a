"""Log-ins: opened with a password, renewed by exactly one refresh at a time, ended everywhere."""

import uuid
from datetime import timedelta
from typing import Any, NamedTuple, Self

from django.conf import settings
from django.contrib.auth import authenticate
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.issuing import status_lists
from accounts.issuing.tokens import RefreshClaims, issue_access, issue_refresh, read_refresh
from accounts.login import throttling
from accounts.models import Event, Session, TokenStatus, User
from accounts.models.demo_accounts import is_refused
from accounts.models.sessions import SessionQuerySet, renew_session, session_by_id
from database import batch_delete, prepared
from tokens.errors import TokenRefused
from wire.events import SYSTEM, Actor, Named


class InvalidCredentials(Exception):
    """There is no active user with that e-mail address and password."""

    def __init__(self) -> None:
        super().__init__("There is no account with that e-mail address and password.")


class TokenPair(NamedTuple):
    """What a log-in or a refresh gives; `expires_in` is in seconds."""

    access: str
    refresh: str
    expires_in: int


class Origin(NamedTuple):
    """Where a log-in comes from: client id, device as it calls itself, address, and the id of a known browser."""

    client_id: str
    device: str = ""
    address: str | None = None
    browser: str = ""

    @classmethod
    def of_request(cls, request: Any, client_id: str, browser: str = "") -> Self:
        device = request.META.get("HTTP_USER_AGENT", "").replace("\0", "")
        return cls(client_id, device, request.META.get("REMOTE_ADDR"), browser)


def log_in(email: str, password: str, origin: Origin) -> TokenPair:
    """Open a session for the user with that password.

    Raises `InvalidCredentials`, for an unknown user alike and after the same time, or `TooManyFailures`.
    """
    limits = throttling.login_limits(email, origin.address, origin.browser)
    user, wait = throttling.try_password(limits, lambda: find_user(email, password))
    if not user:
        throttling.record_failure(email, origin.address, wait=wait)
        raise InvalidCredentials

    return open_session(user, origin)


def find_user(email: str, password: str) -> User | None:
    """The user with that password, if they may log in by it."""
    user = authenticate(username=email, password=password)
    return user if isinstance(user, User) and user.may_log_in and not is_refused(password) else None


@transaction.atomic
def open_session(user: User, origin: Origin) -> TokenPair:
    """A new session with an entry of its own in the status lists.

    Raises `InvalidCredentials` if the user was disabled or given another password a moment ago:
    the row is compared and locked first, so that what ends sessions misses none that just opens.
    """
    now = timezone.now()
    if not User.objects.filter(pk=user.pk, password=user.password, is_active=True).update(last_login=now):
        raise InvalidCredentials

    end_oldest(user)
    status = TokenStatus()
    prepared.insert([status])
    session = Session(
        user=user,
        client_id=origin.client_id,
        device=origin.device[:200],
        address=throttling.read_address(origin.address),
        status=status,
        created_at=now,
        rotated_at=now,
        expires_at=now + settings.SESSION_LIFETIME,
    )
    prepared.insert([session])
    by = Named(user.sub, origin.client_id)
    Event.objects.record(session, "logged in", by=by, device=session.device, address=session.address)
    return issue_tokens(session)


def end_oldest(user: User) -> None:
    """Make room for one more session of a user, whose row the caller has locked: those not used for longest end."""
    living = Session.objects.of_user(user.sub).alive().unexpired().order_by("-rotated_at", "-pk")
    if too_many := list(living.values_list("pk", flat=True)[settings.SESSIONS_PER_PERSON - 1 :]):
        end(Session.objects.filter(pk__in=too_many), reason="too many", by=SYSTEM)


def issue_tokens(session: Session) -> TokenPair:
    lifetime = int(settings.TOKEN_LIFETIME.total_seconds())
    return TokenPair(issue_access(session), issue_refresh(session), lifetime)


def refresh(token: str, *, client_id: str) -> TokenPair:
    """Renew a session: of any number of refreshes with one token, one moves it on.

    A retry with the token before, within the grace, is given the same successor again. Any older
    one was stolen from somebody: the session ends. Raises `TokenRefused`.
    """
    claims = read_refresh(token)
    if claims.client_id != client_id:
        raise TokenRefused("The refresh token was given to another client.")

    tokens = rotate(claims)
    if tokens is None:
        raise TokenRefused("The refresh token was used before or its session has ended.")

    return tokens


@transaction.atomic
def rotate(claims: RefreshClaims) -> TokenPair | None:
    """The next pair of tokens, or None; a misused session ends in this transaction, so nothing is raised here."""
    now = timezone.now()
    won = renew_session(
        session_id=claims.session_id,
        generation=claims.generation,
        client_id=claims.client_id,
        idle_since=now - settings.REFRESH_IDLE_LIFETIME,
        now=now,
    )
    session = session_by_id.first(session_id=claims.session_id)
    if not session or session.ended_at:
        return None

    if session.user.may_log_in and (won or is_retry(session, claims)):
        return issue_tokens(session) if renew_status(session) else None

    end_misused(session, claims)
    return None


def end_misused(session: Session, claims: RefreshClaims) -> None:
    """End the session of a user who may not log in, and one whose token was used again (RFC 9700 4.14.2)."""
    own = Session.objects.filter(pk=session.pk)
    if not session.user.may_log_in:
        end(own, reason="disabled", by=SYSTEM)
    elif claims.generation < session.generation:
        end(own, reason="reuse", by=SYSTEM)


def is_retry(session: Session, claims: RefreshClaims) -> bool:
    """Whether a token is the one before, sent again since the response was lost."""
    since = timezone.now() - session.rotated_at
    return claims.generation + 1 == session.generation and since <= settings.REFRESH_GRACE


def renew_status(session: Session) -> bool:
    """Give a session whose bit was set, since its scopes shrank, a new entry; whether it still goes on.

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
    """End the session of a refresh token, also one that was used; raises `TokenRefused`."""
    claims = read_refresh(token)
    found = Session.objects.filter(pk=claims.session_id)
    for session in found.select_related("user"):
        end(found, reason="log-out", by=Named(session.user.sub, session.client_id))


@transaction.atomic
def end(sessions: "QuerySet[Session]", *, reason: str, by: Actor) -> int:
    """End those of some sessions that go on, and revoke their tokens; how many that were."""
    ids = lock_alive(sessions)
    for batch in batch_delete.batches(ids):
        ended = Session.objects.filter(pk__in=batch)
        status_lists.revoke_session_tokens(ended)
        ended.update(ended_at=timezone.now(), end_reason=reason)
        events = [Event.objects.draft(Session(pk=sid), "session ended", by=by, reason=reason) for sid in batch]
        Event.objects.bulk_create(events)
    return len(ids)


@transaction.atomic
def revoke_access_tokens(sessions: SessionQuerySet) -> None:
    """Revoke the access tokens of some sessions; the sessions go on, with a new entry from their next refresh."""
    for batch in batch_delete.batches(lock_alive(sessions.with_access_tokens())):
        status_lists.revoke_session_tokens(Session.objects.filter(pk__in=batch))


def lock_alive(sessions: "QuerySet[Session]") -> list[uuid.UUID]:
    """Which of some sessions are alive, locked until the transaction ends: no refresh is under way in
    them any more, so that the entries they have now are the ones their tokens have."""
    alive = Session.objects.alive().filter(pk__in=sessions.order_by().values("pk"))
    return list(alive.select_for_update().order_by("pk").values_list("pk", flat=True))


def clear_sessions() -> int:
    """Delete sessions that have been over for a month, the trail stays; how many."""
    month = timezone.now() - timedelta(days=30)
    over = Q(ended_at__lt=month) | Q(expires_at__lt=month) | Q(rotated_at__lt=month - settings.REFRESH_IDLE_LIFETIME)
    return batch_delete.delete(Session.objects.filter(over))
