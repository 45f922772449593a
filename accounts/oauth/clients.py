"""OAuth clients: registered, authenticated by a secret, given tokens (RFC 6749 4.4), revoked."""

import hashlib
import hmac
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F

from accounts.issuing.tokens import issue_client_access
from accounts.login import sessions
from accounts.models import AuthorizationCode, Client, Event, Session, TokenStatus
from accounts.oauth.app_scopes import InvalidScope, InvalidTarget
from accounts.people import access
from database import clock, locks
from tokens.registry import services
from tokens.scopes import ROLE_SCOPES
from wire.events import Actor, Named

OVERLAP = timedelta(days=7)
"""For how long the secret before works beside a new one."""
REDUCING = frozenset({"scopes", "audience", "is_active", "is_public", "app_scopes", "jwks"})
"""The columns of which tokens say something, or by which they were got."""


class InvalidClient(Exception):
    """There is no such active client, or its secret is another."""


class SecretTaken(Exception):
    """Another client has that secret."""


def new_secret() -> str:
    """256 random bits; only their hash is stored."""
    return secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """A plain SHA-256: the secret is random, so there is nothing to slow a guess down for."""
    return hashlib.sha256(secret.encode()).hexdigest()


def authenticate(client_id: str, secret: str) -> Client:
    """The active client with that secret; raises `InvalidClient`."""
    client = Client.objects.filter(pk=client_id, is_active=True).first()
    if not client or not secret or client.is_public or not has_secret(client, secret):
        raise InvalidClient

    return client


def has_secret(client: Client, secret: str) -> bool:
    """Whether it is the client's secret, or the one before whose time is not over."""
    hashed = hash_secret(secret)
    is_former = client.former_secret_until is not None and client.former_secret_until > clock.now()
    matches_former = hmac.compare_digest(client.former_secret_hash, hashed)
    return hmac.compare_digest(client.secret_hash, hashed) or (is_former and matches_former)


def reach_of(client: Client) -> list[str]:
    """What is done through a client at the most; one that nobody is asked about, whatever anybody may do."""
    return [*client.scopes, *(client.app_scopes or ()), *(ROLE_SCOPES if client.is_first_party else ())]


def check_holds(by: Actor, client: Client) -> None:
    """Raise `NotHeld` unless an actor holds what a client may do: its scopes, and something at each service."""
    access.check_holds(by, reach_of(client))
    reached = {service.name for service in services().values() if access.held_scopes(by) & service.scopes.keys()}
    if beyond := {*client.audience} - reached:
        raise access.NotHeld(f"anything of {service}" for service in beyond)


@transaction.atomic
def register_client(client: Client, *, by: Actor, secret: str = "") -> str:
    """Store a new client; its secret (one that is given, else a new one), which is never shown again.

    One that is public has none, one with keys only if it is given. Raises `NotHeld` if it would do what `by` may not,
    `ValidationError` if it is public and has keys.
    """
    check_holds(by, client)
    client.clean()
    secret = choose_secret(client, secret)
    client.secret_hash = hash_secret(secret) if secret else ""
    client.status = TokenStatus.objects.create()
    client.save(force_insert=True)
    Event.objects.record(client, "client registered", by=by, scopes=client.scopes, audience=client.audience)
    return secret


def choose_secret(client: Client, given: str) -> str:
    if client.is_public:
        return ""

    return given or ("" if client.jwks else new_secret())


@transaction.atomic
def renew_secrets(found: Iterable[Client], *, by: Actor) -> list[tuple[Client, str]]:
    """Give clients new secrets, all or none; each with its own."""
    return [(client, renew_secret(client, by=by)) for client in found]


@transaction.atomic
def renew_secret(client: Client, *, by: Actor, secret: str = "") -> str:
    """Give a client another secret; the one before and every token made with it are void at once.

    Raises `NotHeld` if the client may do what `by` may not.
    """
    check_holds(by, client)
    secret = secret or new_secret()
    Client.objects.filter(pk=client.pk).update(
        secret_hash=hash_secret(secret), former_secret_hash="", former_secret_until=None
    )
    revoke_tokens(client, by=by)
    Event.objects.record(client, "client secret renewed", by=by)
    return secret


@transaction.atomic
def add_secrets(found: Iterable[Client], *, by: Actor) -> list[tuple[Client, str]]:
    """Give clients a secret beside the one they have, all or none; each with its own."""
    return [(client, add_secret(client, by=by)) for client in found]


@transaction.atomic
def add_secret(client: Client, *, by: Actor) -> str:
    """Give a client another secret; the one before works for a week, so that it can be exchanged without a gap.

    Of three the first is void. Raises `NotHeld` if the client may do what `by` may not.
    """
    check_holds(by, client)
    secret, until = new_secret(), clock.now() + OVERLAP
    Client.objects.filter(pk=client.pk).update(
        former_secret_hash=F("secret_hash"), former_secret_until=until, secret_hash=hash_secret(secret)
    )
    Event.objects.record(client, "client secret added", by=by, former_until=until.isoformat())
    return secret


@transaction.atomic
def ensure_client(client: Client, secret: str, *, fields: Sequence[str], by: Actor) -> list[str]:
    """Register a client with a secret that somebody else chose, or make the one there is so: what changed, in words.

    Of one that is there `fields` and the secret, if it is not empty, are compared and changed. Raises `SecretTaken`.
    """
    # Of two at once, the second compares with what the first has written.
    locks.lock_name("clients")
    other = Client.objects.filter(secret_hash=hash_secret(secret)).exclude(pk=client.pk).first()
    if other:
        raise SecretTaken(f"This is the secret of {other}; each client has its own.")

    stored = Client.objects.select_for_update().filter(pk=client.pk).first()
    if not stored:
        register_client(client, by=by, secret=secret)
        return ["registered"]

    changes = change_client(stored, {name: getattr(client, name) for name in fields}, by=by)
    if secret and not hmac.compare_digest(stored.secret_hash, hash_secret(secret)):
        renew_secret(stored, by=by, secret=secret)
        changes.append("secret: another one")
    return changes


@transaction.atomic
def change_client(client: Client, fields: Mapping[str, Any], *, by: Actor) -> list[str]:
    """Give a client's columns other values: what changed, in words. Tokens that say otherwise are void at once.

    Raises `NotHeld` if the client does, or would do, what `by` may not, `ValidationError` if it would be public with
    keys.
    """
    check_holds(by, client)
    changed = {name: value for name, value in fields.items() if not same(getattr(client, name), value)}
    words = [describe_change(name, getattr(client, name), value) for name, value in changed.items()]
    if not changed:
        return words

    for name, value in changed.items():
        setattr(client, name, value)
    check_holds(by, client)
    client.clean()
    client.save(update_fields=[*changed])
    Event.objects.record(client, "client changed", by=by, **changed)
    if REDUCING & changed.keys():
        revoke_tokens(client, by=by)
    if not client.is_active or not client.is_app:
        AuthorizationCode.objects.filter(client=client).void()
        sessions.end(Session.objects.filter(client_id=client.pk), reason="app disabled", by=by)
    return words


def same(before: Any, after: Any) -> bool:
    """Whether two values of a column are the same; of a list, in any order."""
    return set(before or ()) == set(after) if isinstance(after, list) else bool(before == after)


def describe_change(name: str, before: Any, after: Any) -> str:
    """One change in words: `scopes: added a b, removed c`."""
    if not isinstance(after, list):
        return f"{name}: {after}, before {before}"

    before = before or []
    added, removed = sorted({*after} - {*before}), sorted({*before} - {*after})
    parts = [f"{verb} {' '.join(values)}" for verb, values in (("added", added), ("removed", removed)) if values]
    return f"{name}: {', '.join(parts)}"


@transaction.atomic
def revoke_tokens(client: Client, *, by: Actor) -> None:
    """Set the bit of a client's tokens, and allot it another entry for those to come.

    The access tokens that people have it hold are revoked as well; their sessions go on.
    """
    # Locked first: of two at once, the second revokes what the first allotted.
    Client.objects.select_for_update().filter(pk=client.pk).first()
    TokenStatus.objects.filter(client=client, revoked_at=None).update(revoked_at=clock.now())
    Client.objects.filter(pk=client.pk).update(status=TokenStatus.objects.create())
    sessions.revoke_access_tokens(Session.objects.filter(client_id=client.pk))
    Event.objects.record(client, "client tokens revoked", by=by)


def issue_token(client: Client, requested: str, services: Collection[str]) -> tuple[str, str]:
    """An access token for some services and its scope: what a client asks for, or all it may have.

    Raises `InvalidScope` beyond that, `InvalidTarget` where it may call none of the services.
    """
    scopes = requested.split() or client.scopes
    if not set(scopes) <= set(client.scopes):
        raise InvalidScope
    audience = sorted({*services} & {*client.audience})
    if client.audience and not audience:
        raise InvalidTarget("The client may call none of these.")

    scope = " ".join(sorted(set(scopes)))
    token = issue_client_access(client, scope, audience)
    Event.objects.record(client, "client logged in", by=Named(client.pk, client.pk), scope=scope)
    return token, scope
