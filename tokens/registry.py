"""What services there are, and what each says of itself in its `service.toml`, read without importing it."""

import re
import tomllib
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
FILE = "service.toml"
FORMS = {"staff": str, "sections": dict, "menu": dict, "calls": dict, "away": str, "layers": dict}
SCOPE_FORMS = {"meaning": str, "roles": list, "clients": bool, "people": bool}
ROLES = ("customer", "catalogue manager", "order manager", "admin")
"""The roles that every shop begins with; the admin has whatever a role may carry."""

TAKEN = ("any", "files", "gateway", "listen", "patience", "postgres", "rate", "shop")
"""Names that mean something else where services are deployed."""


class DescriptionError(Exception):
    """A service's description of itself is wrong."""


class Scope(NamedTuple):
    """A word that a token may carry, and who has it from the start."""

    meaning: str
    roles: tuple[str, ...] = ()
    clients: bool = False
    """Whether a registered client may carry it."""
    people: bool = True
    """Whether a role may."""


class Service(NamedTuple):
    """A service as its folder describes it."""

    name: str
    scopes: dict[str, Scope]
    staff: str = ""
    """The scope that opens its section of the admin."""
    sections: dict[str, str] = {}
    """The lists of its section, by model."""
    menu: dict[str, str] = {}
    """The label of its page in the menu of the pages, and the scope that shows it."""
    calls: dict[str, str] = {}
    """The scope with which it calls each of its neighbours."""
    away: str = ""
    """What the gateway says while nobody answers for it."""
    layers: dict[str, list[str]] = {}
    """Its modules from the top down, for import-linter: `doors` may know REST framework, `rules` may not."""


@cache
def services() -> dict[str, Service]:
    """Every service that has a folder, by name; raises `DescriptionError` for a description that is wrong."""
    found = {path.parent.name: read_service(path) for path in sorted(ROOT.glob(f"[!.]*/{FILE}"))}
    check_scopes(found)
    for service in found.values():
        check_service(service, found)
    return found


def read_service(path: Path) -> Service:
    """A service by the description in its folder; raises `DescriptionError`."""
    try:
        said: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        scopes = {name: read_scope(scope) for name, scope in said.pop("scopes", {}).items()}
        unknown = sorted({*said} - {*FORMS})
        if unknown:
            raise TypeError(f"there is no {unknown[0]}; there are scopes, {', '.join(FORMS)}")
        strange = [name for name, value in said.items() if type(value) is not FORMS.get(name, type(value))]
        if strange:
            raise TypeError(f"{strange[0]} is not of the form that docs/add-a-service.md shows")
        return Service(path.parent.name, scopes, **said)
    except (ValueError, TypeError, AttributeError) as error:
        raise DescriptionError(f"{path.parent.name}/{FILE}: {error}") from error


def read_scope(said: dict[str, Any]) -> Scope:
    """A scope as a description has it; raises `TypeError`."""
    unknown = sorted({*said} - {*SCOPE_FORMS})
    if unknown or "meaning" not in said:
        raise TypeError(
            f"a scope has a meaning, and may have roles, clients and people; not {', '.join(unknown) or 'none'}"
        )
    if any(type(value) is not SCOPE_FORMS[name] for name, value in said.items()):
        raise TypeError("meaning is a text, roles a list, clients and people are true or false")
    return Scope(**{**said, "roles": tuple(said.get("roles", ()))})


def check_scopes(found: dict[str, Service]) -> None:
    """Raise `DescriptionError` if two services say what one scope means."""
    owners: dict[str, str] = {}
    for service in found.values():
        for scope in service.scopes:
            demand(scope not in owners, service, f"the scope {scope} is of {owners.get(scope)} already")
            owners[scope] = service.name


def check_service(service: Service, found: dict[str, Service]) -> None:
    """Raise `DescriptionError` unless a description names only roles, scopes and services that there are."""
    for name, scope in service.scopes.items():
        strange = sorted({*scope.roles} - {*ROLES})
        demand(not strange, service, f"{name}: no such role: {', '.join(strange)}; there are {', '.join(ROLES)}")
        demand(re.fullmatch(r"[!#-\[\]-~]{1,64}", name), service, f"{name!r} is no scope (RFC 6749 3.3), or too long")
        demand(scope.people or not scope.roles, service, f"{name}: no role may carry it, yet roles are named")
    named = re.fullmatch("[a-z][a-z0-9]*", service.name)
    demand(named, service, "its name is an address, a host and a database: lower-case letters and digits alone")
    demand(service.name not in TAKEN, service, "its name means something else to the gateway or to Compose")
    plain = service.away.isprintable() and not {*service.away} & {*'"$\\'}
    demand(plain, service, "away may hold no quotation mark, dollar or backslash: nginx would read them")
    demand(service.staff in ("", *service.scopes), service, f"staff names no scope of its own: {service.staff}")
    demand(service.staff or not service.sections, service, "sections want a staff scope that opens them")
    shown = service.menu.keys() == {"label", "scope"} and service.menu["scope"] in service.scopes
    demand(shown or not service.menu, service, "menu wants a label, and a scope of its own that shows it")
    for neighbour, wanted in service.calls.items():
        demand(neighbour in found, service, f"it calls {neighbour}, which is no service")
        demand(wanted in found[neighbour].scopes, service, f"{neighbour} has no scope {wanted}")


def demand(condition: object, service: Service, complaint: str) -> None:
    if not condition:
        raise DescriptionError(f"{service.name}/{FILE}: {complaint}")


def find_module(service: str, name: str) -> ModuleType | None:
    """A module that a service may have, such as its `jobs`; None if it has none."""
    path = f"{service}.{name}"
    return import_module(path) if find_spec(path) else None


@cache
def by_calls() -> tuple[str, ...]:
    """The names of the services, each after those that it calls."""
    ordered: list[str] = []
    while waiting := [name for name in services() if name not in ordered]:
        ready = [name for name in waiting if {*services()[name].calls} <= {*ordered}]
        ordered += ready or waiting
    return tuple(ordered)
