"""OAuth clients: registered, authenticated by their secret, given tokens (RFC 6749 4.4), revoked."""

import hashlib
import hmac
import secrets

from django.db import transaction
from django.utils import timezone

from accounts.issuing.tokens import issue_client_access
from accounts.models import Client, Event, TokenStatus
from wire.events import Actor, Named


class InvalidClient(Exception):
    """There is no such active client, or its secret is another."""


class InvalidScope(Exception):
    """The client may not carry what it asks for."""


def new_secret() -> str:
    """256 random bits; only their hash is stored."""
    return secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """A plain SHA-256: the secret is random, so there is nothing to slow a guess down for."""
    return hashlib.sha256(secret.encode()).hexdigest()


def authenticate(client_id: str, secret: str) -> Client:
    """The active client with that secret; raises `InvalidClient`."""
    client = Client.objects.filter(pk=client_id, is_active=True).first()
    stored = client.secret_hash if client else hash_secret("")
    if not hmac.compare_digest(stored, hash_secret(secret)) or not client or not secret:
        raise InvalidClient

    return client


@transaction.atomic
def register_client(client: Client, *, by: Actor, secret: str = "") -> str:
    """Store a new client; its secret (one that is given, else a new one), which is never shown again."""
    secret = secret or new_secret()
    client.secret_hash = hash_secret(secret)
    client.status = TokenStatus.objects.create()
    client.save(force_insert=True)
    Event.objects.record(client, "client registered", by=by, scopes=client.scopes, audience=client.audience)
    return secret


@transaction.atomic
def renew_secret(client: Client, *, by: Actor, secret: str = "") -> str:
    """Give a client another secret; the one before and every token made with it are void at once."""
    secret = secret or new_secret()
    Client.objects.filter(pk=client.pk).update(secret_hash=hash_secret(secret))
    revoke_tokens(client, by=by)
    Event.objects.record(client, "client secret renewed", by=by)
    return secret


def ensure_client(client: Client, secret: str, *, by: Actor) -> bool:
    """Register a client with a secret that somebody else chose, or give it that one; whether anything changed."""
    stored = Client.objects.filter(pk=client.pk).first()
    if stored and hmac.compare_digest(stored.secret_hash, hash_secret(secret)):
        return False

    if stored:
        renew_secret(stored, by=by, secret=secret)
    else:
        register_client(client, by=by, secret=secret)
    return True


@transaction.atomic
def revoke_tokens(client: Client, *, by: Actor) -> None:
    """Set the bit of a client's tokens, and allot it another entry for those to come."""
    # Locked first: of two at once, the second revokes what the first allotted.
    Client.objects.select_for_update().filter(pk=client.pk).first()
    TokenStatus.objects.filter(client=client, revoked_at=None).update(revoked_at=timezone.now())
    Client.objects.filter(pk=client.pk).update(status=TokenStatus.objects.create())
    Event.objects.record(client, "client tokens revoked", by=by)


def issue_token(client: Client, requested: str) -> tuple[str, str]:
    """An access token and its scope: what a client asks for, or all it may have; raises `InvalidScope` beyond that."""
    scopes = requested.split() or client.scopes
    if not set(scopes) <= set(client.scopes):
        raise InvalidScope

    scope = " ".join(sorted(set(scopes)))
    token = issue_client_access(client, scope)
    Event.objects.record(client, "client logged in", by=Named(client.pk, client.pk), scope=scope)
    return token, scope
