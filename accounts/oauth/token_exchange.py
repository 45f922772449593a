"""A person's access token, exchanged by a service for one with which it calls another in their name (RFC 8693)."""

from collections.abc import Collection
from typing import Any, NamedTuple

from accounts.issuing import status_lists
from accounts.issuing.tokens import EXCHANGED_LIFETIME, issue_exchanged
from accounts.models import Client, Event
from accounts.oauth import app_scopes
from accounts.oauth.app_scopes import Access, InvalidTarget
from database import clock
from tokens.errors import TokenRefused
from tokens.scopes import APP_SCOPES
from tokens.verification import Claims, is_person, verify
from wire.events import Named

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - the name of a type
DEEPEST = 2
"""How many may act one after the other in somebody's name."""


class NotExchangeable(Exception):
    """The token is not a living person's, or has gone through too many hands."""


class Exchanged(NamedTuple):
    """The new token, how many seconds it lives, and what it may do."""

    text: str
    lifetime: int
    scope: str


def exchange_token(client: Client, text: str, *, asked: str, services: Collection[str]) -> Exchanged:
    """A token for a part of what `text` may do, at services that the client may call, which says that it acts.

    Raises `NotExchangeable`, `InvalidScope` or `InvalidTarget`.
    """
    claims = read_subject(text)
    actor = name_actor(client, claims)
    access = narrow(claims, client, asked, services)
    scope = " ".join(access.scopes)
    token = issue_exchanged(claims, aud=access.audience, scope=scope, client_id=client.pk, act=actor)
    by = Named(claims["sub"], client.pk, claims["sid"])
    Event.objects.record(client, "token exchanged", by=by, scope=scope, audience=access.audience)
    lifetime = min(claims["exp"] - clock.time(), EXCHANGED_LIFETIME.total_seconds())
    return Exchanged(token, int(lifetime), scope)


def read_subject(text: str) -> Claims:
    """The claims of a person's access token that is good now: the table is asked, the list may be some seconds old."""
    try:
        claims = verify(text, None, any_audience=True)
    except TokenRefused as error:
        raise NotExchangeable(f"subject_token: {error}") from error
    if not status_lists.is_valid(claims["status"]):
        raise NotExchangeable("subject_token: The token was revoked.")
    if not is_person(claims["sub"]) or "sid" not in claims:
        raise NotExchangeable("subject_token is not a person's.")

    return claims


def name_actor(client: Client, claims: Claims) -> dict[str, Any]:
    """Who acts, and who acted before (RFC 8693 4.1); raises `NotExchangeable` for one too many."""
    actor: dict[str, Any] = {"sub": client.pk, **({"act": claims["act"]} if "act" in claims else {})}
    if count_actors(actor) > DEEPEST:
        raise NotExchangeable(f"subject_token: {DEEPEST} have acted in this name already.")

    return actor


def count_actors(actor: dict[str, Any] | None) -> int:
    return 1 + count_actors(actor.get("act")) if actor else 0


def narrow(claims: Claims, client: Client, asked: str, services: Collection[str]) -> Access:
    """What is left of a token's scopes and audience; who the person is, is theirs to say and not exchanged, nor is what
    they do only where they logged in themselves."""
    scopes = [scope for scope in claims["scope"].split() if scope in APP_SCOPES]
    audience = sorted({*claims["aud"]} & {*client.audience})
    if not {*audience} & {*services}:
        raise InvalidTarget("The client may not call that, or the token is not for it.")

    return app_scopes.narrow_access(Access(scopes, audience), asked, services)
