"""What an app gets: scopes that it and the person may have, and the services that these are of (RFC 8707)."""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from django.conf import settings

from accounts.issuing.keys import is_shared
from accounts.models import Client, User, combined_scopes
from accounts.models.people import roles_of
from tokens.scopes import APP_SCOPES, IDENTITY_SCOPES, SCOPES, SERVICE_OF, SERVICES


class InvalidTarget(Exception):
    """There is no such resource, or it is not the app's to ask for."""


class InvalidScope(Exception):
    """Nothing is left of what was asked for, or it is more than was given."""


class Access(NamedTuple):
    """What a token may do, and at which services."""

    scopes: list[str]
    audience: list[str]


def resource_of(service: str) -> str:
    """The address by which apps name a service (RFC 8707 2)."""
    return f"{settings.ISSUER}/api/{service}"


def identity_scopes() -> tuple[str, ...]:
    """What any app may ask for; an ID token under a secret that the services share would tell an app nothing."""
    return () if is_shared() else IDENTITY_SCOPES


def read_services(resources: Iterable[str]) -> list[str]:
    """The services that some resources are; all if there are none. Raises `InvalidTarget`."""
    named = {resource_of(service): service for service in SERVICES}
    asked = list(resources)
    if not {*asked} <= named.keys():
        # What was asked for is not repeated: a description has few characters (RFC 6749 5.2).
        raise InvalidTarget(f"There is no such resource; there are {', '.join(named)}.")

    return [named[resource] for resource in asked] or list(SERVICES)


def choose_access(app: Client, asked: str, services: Collection[str]) -> Access:
    """What an app may ask a person for, of what it asks; all of it, if it names none. Raises `InvalidScope`."""
    own = {*(app.app_scopes or ())} & {*APP_SCOPES}
    words = {*asked.split()} & {*own, *identity_scopes()} if asked.split() else own
    return bound_access(words, services)


def bound_access(scopes: Iterable[str], services: Collection[str]) -> Access:
    """Those of some scopes that are of these services, or about who the person is; raises `InvalidScope` for none.

    Who the person is, the app may be told in an ID token in any case: it makes no token good for accounts.
    """
    kept = sorted(scope for scope in scopes if scope in IDENTITY_SCOPES or SERVICE_OF.get(scope) in services)
    audience = sorted({SERVICE_OF[scope] for scope in kept} & {*services})
    if not audience or not {*kept} - {"offline_access"}:
        raise InvalidScope

    return Access(kept, audience)


def narrow_access(given: Access, asked: str, services: Collection[str]) -> Access:
    """A part of what was given; raises `InvalidScope` for more."""
    words = {*asked.split()} or {*given.scopes}
    if not words <= {*given.scopes}:
        raise InvalidScope

    return bound_access(words, {*services} & {*given.audience})


def remaining_access(app: Client, given: Access, asked: str, services: Collection[str]) -> Access:
    """A part of what an app was given, no more than it may ask people for by now; raises `InvalidScope` for more."""
    held = {*given.scopes} & {*(app.app_scopes or ()), *identity_scopes()}
    return narrow_access(Access(sorted(held), given.audience), asked, services)


def in_words(scopes: Iterable[str]) -> list[str]:
    """What some scopes mean, for people: who they are first, and last for how long."""
    ordered = sorted(scopes, key=lambda scope: (scope == "offline_access", scope not in IDENTITY_SCOPES, scope))
    return [SCOPES[scope] for scope in ordered if scope in SCOPES]


def persons_access(user: User, access: Access) -> Access:
    """What a person can let an app do of that: no more than their roles carry. Raises `InvalidScope`."""
    carried = {*combined_scopes(roles_of(user_id=user.pk)), *IDENTITY_SCOPES}
    return bound_access([scope for scope in access.scopes if scope in carried], access.audience)
