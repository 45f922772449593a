"""Log-ins: opened with a password, renewed by exactly one refresh at a time, ended everywhere."""

import uuid
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, Self

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from accounts.issuing import keys, status_lists
from accounts.issuing.keys import Signer, oldest_alive
from accounts.issuing.tokens import RefreshClaims, issue_access, issue_refresh, read_refresh
from accounts.login import throttling
from accounts.models import Event, Role, Session, TokenStatus, User
from accounts.models.demo_accounts import is_refused
from accounts.models.people import lock_user, roles_of, roles_of_session, were_revoked_since
from accounts.models.sessions import SessionQuerySet, living_sessions, renew_session, session_by_id
from database import batch_delete, clock, prepared
from database.pipelines import pipelined
from database.prepared import Row
from tokens.errors import TokenRefused
from wire import text
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


class Caller(Actor, Protocol):
    """A user in a session of theirs, which goes on; `sid` is empty outside of any session."""

    @property
    def sid(self) -> str: ...


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


def authenticate(email: str, password: str, origin: Origin) -> User:
    """The user with that password, which is not all that a log-in may take (`accounts.factors.two_steps`).

    Raises `InvalidCredentials`, for an unknown user alike and after the same time, or `TooManyFailures`.
    """
    limits = throttling.login_limits(email, origin.address, origin.browser)
    user, wait = throttling.try_password(limits, lambda: find_user(email, password))
    if not user:
        throttling.record_failure(email, origin.address, wait=wait)
        raise InvalidCredentials

    return user


def find_user(email: str, password: str) -> User | None:
    """The user with that password, if they may log in by it."""
    try:
        user = User.objects.get_by_natural_key(email)
    except User.DoesNotExist:
        user = User()  # Without a password, which to check takes as long as any.
    verified = user.check_password(password)
    return user if verified and user.may_log_in and not is_refused(text.password(password)) else None


@pipelined()
@transaction.atomic
def open_session(user: User, origin: Origin, amr: str = "pwd") -> TokenPair:
    """A new session, opened by the methods `amr` (RFC 8176), with an entry of its own in the status lists.

    Raises `InvalidCredentials` if the user was disabled or given another password a moment ago.
    """
    ask_entry = ask_new_entry(user, is_app=False)
    # Roles are read after the entry is taken: see `close_role_revocations`.
    ask_roles, ask_signer = roles_of.ask(user_id=user.pk), keys.ask_signer()
    session = store_session(user, ask_entry(), origin, **proof(amr))
    return issue_tokens(session, ask_roles(), ask_signer())


@transaction.atomic
def open_app_session(given_in: Session, origin: Origin, *, scopes: list[str], audience: list[str]) -> Session:
    """A session of an app, for what the person of a browser's session lets it do; it is as sure who that is as there.

    Without a refresh token it ends with its first access token. Raises `InvalidCredentials` as `open_session`.
    """
    proven = {name: getattr(given_in, name) for name in ("amr", "second_factor_at")}
    lasting = {} if "offline_access" in scopes else {"expires_at": clock.now() + settings.TOKEN_LIFETIME}
    bounds = {"scopes": scopes, "audience": audience, **lasting}
    entry = ask_new_entry(given_in.user, is_app=True)()
    return store_session(given_in.user, entry, origin, auth_time=given_in.proven_at, **proven, **bounds)


def ask_new_entry(user: User, *, is_app: bool) -> Callable[[], TokenStatus]:
    """An entry in the status lists for one more session of a user, once what is returned is called, which raises
    `InvalidCredentials` if there is to be none. The user's row is compared and locked first, so that what ends
    sessions misses none that just opens."""
    ask_locked = lock_user.ask(user_id=user.pk, hashed=user.password, now=clock.now())
    ask_living = ask_living_sessions(user, is_app=is_app)
    ask_entry = prepared.ask_insert(TokenStatus())

    def make_room() -> TokenStatus:
        if not ask_locked():
            raise InvalidCredentials

        end_oldest(ask_living())
        return ask_entry()

    return make_room


def store_session(user: User, status: TokenStatus, origin: Origin, **columns: Any) -> Session:
    """Write a new session of a user whose row is locked."""
    now = clock.now()
    device, address = origin.device[:200], throttling.read_address(origin.address)
    until = {"expires_at": now + settings.SESSION_LIFETIME}
    session = Session(
        user=user,
        client_id=origin.client_id,
        device=device,
        address=address,
        status=status,
        created_at=now,
        rotated_at=now,
        password_mark=user.password_mark,
        **{**until, **columns},
    )
    prepared.insert_unanswered([session])
    by = Named(user.sub, origin.client_id)
    Event.objects.record(session, "logged in", by=by, device=device, address=address)
    return session


def proof(amr: str) -> dict[str, Any]:
    """The columns of a session whose person proved just now who they are; `mfa` says that it was by two factors."""
    now = clock.now()
    return {"auth_time": now, "amr": amr, **({"second_factor_at": now} if "mfa" in amr.split() else {})}


def step_up(session_id: uuid.UUID | str, amr: str, *, by: Caller) -> TokenPair:
    """Note that the person of a living session proved again who they are, by the methods `amr`, and give them tokens
    that say so; the refresh token stays as it is.

    Raises `TokenRefused` if the session is over, or is not the one that `by` calls in.
    """
    tokens = store_proof(session_id, amr, by=by) if str(session_id) == by.sid else None
    if not tokens:
        raise TokenRefused("The session is over, or another's.")
    return tokens


@transaction.atomic
def store_proof(session_id: uuid.UUID | str, amr: str, *, by: Caller) -> TokenPair | None:
    """What `step_up` does, or None; a session that ends here ends in this transaction, so nothing is raised."""
    own = Session.objects.of_user(by.sub).alive().unexpired().filter(pk=session_id).select_related("user", "status")
    found = own.first()
    if not found or not goes_on(found) or not own.update(**proof(amr)):
        return None

    Event.objects.record(found, "stepped up", by=by, methods=amr)
    session = own.get()
    return renew_tokens(session, roles_of(user_id=session.user_id))


def ask_living_sessions(user: User, *, is_app: bool) -> Callable[[], list[Row]]:
    """A user's sessions that go on, to be called for them. Those of apps make room for each other, and for no log-in
    of the person."""
    now = clock.now()
    return living_sessions.ask(user_id=user.pk, now=now, idle_since=now - settings.REFRESH_IDLE_LIFETIME, is_app=is_app)


def end_oldest(living: Sequence[Row]) -> None:
    """Make room for one more session of a user, whose row the caller has locked: those not used for longest end."""
    if too_many := [row["id"] for row in living[settings.SESSIONS_PER_PERSON - 1 :]]:
        end(Session.objects.filter(pk__in=too_many), reason="too many", by=SYSTEM)


def issue_tokens(session: Session, roles: Sequence[Role] | None = None, by: Signer | None = None) -> TokenPair:
    lifetime = int(settings.TOKEN_LIFETIME.total_seconds())
    return TokenPair(issue_access(session, roles, by), issue_refresh(session), lifetime)


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


@pipelined()
@transaction.atomic
def rotate(claims: RefreshClaims) -> TokenPair | None:
    """The next pair of tokens, or None; a misused session ends in this transaction, so nothing is raised here."""
    now = clock.now()
    ask_won = renew_session.ask(
        session_id=claims.session_id,
        generation=claims.generation,
        client_id=claims.client_id,
        idle_since=now - settings.REFRESH_IDLE_LIFETIME,
        now=now,
    )
    ask_session, ask_signer = session_by_id.ask(session_id=claims.session_id), keys.ask_signer()
    roles = roles_of_session(session_id=claims.session_id)
    session = next(iter(ask_session()), None)
    if not session or session.ended_at:
        return None

    if session.user.may_log_in and has_same_password(session) and (ask_won() or is_retry(session, claims)):
        return renew_tokens(session, roles, ask_signer())

    end_misused(session, claims)
    return None


def renew_tokens(session: Session, roles: Sequence[Role], by: Signer | None = None) -> TokenPair | None:
    """Tokens of a session, whose person has some roles, under an entry that is valid; None if it ended meanwhile."""
    if session.status.revoked_at or were_revoked_since(roles, session.status_id, oldest_alive()):
        # Roles are read after the new entry is taken: see `close_role_revocations`.
        return issue_tokens(session, by=by) if replace_status(session) else None

    return issue_tokens(session, roles, by)


def goes_on(session: Session) -> bool:
    """Whether more may be opened in a session; one whose user has another password now ends here."""
    if session.ended_at or not session.user.may_log_in:
        return False
    if has_same_password(session):
        return True

    end(Session.objects.filter(pk=session.pk), reason="password change", by=SYSTEM)
    return False


def has_same_password(session: Session) -> bool:
    """Whether the user's password is the one that a session was opened with, by whatever door it may be set."""
    if not session.password_mark:
        # It is older than the column, and is told by the hash of today from here on.
        session.password_mark = session.user.password_mark
        Session.objects.filter(pk=session.pk).update(password_mark=session.password_mark)
    return session.password_mark == session.user.password_mark


def end_misused(session: Session, claims: RefreshClaims) -> None:
    """End the session of a user who may not log in or has another password now, and one whose token was used again
    (RFC 9700 4.14.2)."""
    own = Session.objects.filter(pk=session.pk)
    if not session.user.may_log_in:
        end(own, reason="disabled", by=SYSTEM)
    elif not has_same_password(session):
        end(own, reason="password change", by=SYSTEM)
    elif claims.generation < session.generation:
        end(own, reason="reuse", by=SYSTEM)


def is_retry(session: Session, claims: RefreshClaims) -> bool:
    """Whether a token is the one before, sent again since the response was lost."""
    since = clock.now() - session.rotated_at
    return claims.generation + 1 == session.generation and since <= settings.REFRESH_GRACE


def is_in_use(session: Session, claims: RefreshClaims) -> bool:
    """Whether a refresh token is the one that its session goes on with, or may still be sent again."""
    return claims.generation == session.generation or is_retry(session, claims)


def replace_status(session: Session) -> bool:
    """Give a session whose bit was set, since its scopes shrank, a new entry; whether it still goes on.

    Of several at once one does, so that no token is left with an entry that the session lost.
    """
    if session.status.revoked_at is None:
        # It was revoked with those of a role, and nothing names it once the session has another.
        TokenStatus.objects.filter(pk=session.status_id, revoked_at=None).update(revoked_at=clock.now())
    entry = TokenStatus.objects.create()
    moved = Session.objects.alive().filter(pk=session.pk, status=session.status_id).update(status=entry)
    if moved:
        session.status = entry
        return True

    session.refresh_from_db(fields=["status", "ended_at"])
    return session.ended_at is None


def log_out(token: str, *, reason: str = "log-out") -> None:
    """End the session of a refresh token, also one that was used; raises `TokenRefused`."""
    claims = read_refresh(token)
    found = Session.objects.filter(pk=claims.session_id)
    for session in found.select_related("user"):
        end(found, reason=reason, by=Named(session.user.sub, session.client_id))


@transaction.atomic
def end(sessions: "QuerySet[Session]", *, reason: str, by: Actor) -> int:
    """End those of some sessions that go on, and revoke their tokens; how many that were."""
    ids = lock_alive(sessions)
    for batch in batch_delete.batches(ids):
        ended = Session.objects.filter(pk__in=batch)
        status_lists.revoke_session_tokens(ended)
        ended.update(ended_at=clock.now(), end_reason=reason)
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
    """Delete sessions that have been over for long, the trail stays; how many."""
    before = clock.now() - settings.KEPT["sessions"]
    over = Q(ended_at__lt=before) | Q(expires_at__lt=before) | Q(rotated_at__lt=before - settings.REFRESH_IDLE_LIFETIME)
    # Of when a session was used last there is no index, which each refresh would have to write in.
    old = Session.objects.filter(created_at__lt=before)
    return batch_delete.delete_among(old, old.filter(over))
