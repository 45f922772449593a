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
FORMS = {
    "scopes": "a table of tables",
    "staff": "a text",
    "sections": "a table of texts",
    "menu": "a table of texts",
    "pages": "a table of tables",
    "calls": "a table of texts",
    "away": "a text",
    "layers": "a table of lists",
}
SCOPE_FORMS = {
    "meaning": "a text",
    "roles": "a list",
    "clients": "true or false",
    "people": "true or false",
    "verified": "true or false",
    "apps": "true or false",
    "own": "true or false",
}
PLAIN_FORMS = {"a text": str, "a list": list, "true or false": bool}
TABLES = {"a table of tables": dict, "a table of texts": str, "a table of lists": list}
"""Of what type the values of a table are; a list is one of texts."""
ROLES = ("customer", "catalogue manager", "order manager", "admin")
"""The roles that every shop begins with; the admin has whatever a role may carry."""

ADDRESSES = ("account", "admin", "api", "login", "logout", "oauth", "password-reset", "register", "static")
"""What stands first in the addresses of accounts and of all, where no service may have a page."""
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
    verified: bool = False
    """Whether a person carries it only once their e-mail address is verified."""
    apps: bool = False
    """Whether any app may ask a person for it, whatever their roles: it is about who they are."""
    own: bool = False
    """Whether a person carries it only where they logged in themselves, as they do the scopes of staff."""


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
    pages: dict[str, dict[str, str]] = {}
    """Further pages in the menu, by the first part of their address; each as `menu`."""
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
        check_forms(said, FORMS)
        scopes = {name: read_scope(name, scope) for name, scope in said.pop("scopes", {}).items()}
    except (OSError, ValueError) as error:
        raise DescriptionError(f"{path.parent.name}/{FILE}: {error}") from error

    return Service(path.parent.name, scopes, **said)


def read_scope(name: str, said: dict[str, Any]) -> Scope:
    """A scope as a description has it; raises `ValueError`."""
    check_forms(said, SCOPE_FORMS, of=f'scopes."{name}".')
    if "meaning" not in said:
        raise ValueError(f'scopes."{name}" has no meaning')

    return Scope(**{**said, "roles": tuple(said.get("roles", ()))})


def check_forms(said: dict[str, Any], forms: dict[str, str], of: str = "") -> None:
    """Raise `ValueError`, which names the key, unless each value is of its form."""
    for key, value in said.items():
        if key not in forms:
            raise ValueError(f"there is no {of}{key}; there are {', '.join(forms)}")
        if not has_form(value, forms[key]):
            raise ValueError(f"{of}{key} is not {forms[key]}")


def has_form(value: object, form: str) -> bool:
    """Whether a value is what one of `PLAIN_FORMS` or `TABLES` says."""
    if form in TABLES:
        return isinstance(value, dict) and all(is_of(one, TABLES[form]) for one in value.values())

    return is_of(value, PLAIN_FORMS[form])


def is_of(value: object, kind: type) -> bool:
    return isinstance(value, kind) and (not isinstance(value, list) or all(isinstance(one, str) for one in value))


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
    for page, said in (({"menu": service.menu} if service.menu else {}) | service.pages).items():
        shown = isinstance(said, dict) and said.keys() == {"label", "scope"} and said["scope"] in service.scopes
        demand(shown, service, f"{page} wants a label, and a scope of its own that shows it")
    taken = {
        *found,
        *TAKEN,
        *ADDRESSES,
        *(name for other in found.values() if other != service for name in other.pages),
    }
    for page in service.pages:
        free = re.fullmatch("[a-z][a-z0-9-]*", page) and page not in taken
        demand(free, service, f"{page} is no address that is free")
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


def list_pages(name: str) -> dict[str, dict[str, str]]:
    """The pages of a service in the menu, by the first part of their address."""
    service = services()[name]
    return ({name: service.menu} if service.menu else {}) | service.pages


@cache
def by_calls() -> tuple[str, ...]:
    """The names of the services, each after those that it calls."""
    ordered: list[str] = []
    while waiting := [name for name in services() if name not in ordered]:
        ready = [name for name in waiting if {*services()[name].calls} <= {*ordered}]
        ordered += ready or waiting
    return tuple(ordered)
