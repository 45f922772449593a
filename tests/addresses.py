"""Every address of the URLconf, and the scopes that its view states."""

import re
from typing import Any, NamedTuple

from django.urls import URLPattern, URLResolver, get_resolver

from tokens.scopes import STAFF_SCOPES

SAMPLES = {
    "int": "0",
    "path": "0",
    "slug": "nothing",
    "str": "nothing",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


class Address(NamedTuple):
    """One route with its view; `service` is the `app_name` of the include it stands in."""

    route: str
    view: Any
    service: str

    @property
    def scopes(self) -> Any:
        """What the view states; None is a view that says nothing."""
        stated = getattr(view_class(self.view) or self.view, "scopes", None)
        return STAFF_SCOPES if stated is None and is_admin(self.view) else stated

    @property
    def path(self) -> str:
        """A path that the route matches, about a thing that does not exist."""
        return "/" + re.sub(r"<(\w+):\w+>", lambda found: SAMPLES[found[1]], plain(self.route))

    @property
    def method(self) -> str:
        """A method that the view takes."""
        return "GET" if self.scopes is STAFF_SCOPES or isinstance(self.scopes, str) else next(iter(self.scopes))

    @property
    def is_page(self) -> bool:
        """Whether a browser reads it: neither API nor a document for programs."""
        return view_class(self.view) is None and not self.route.startswith((".well-known/", "oauth/"))


def plain(route: str) -> str:
    """A route without its regular expressions (the admin has two)."""
    return re.sub(r"\(\?P<\w+>(\w+).*?\)", r"\1", route.replace(".*", "nothing")).replace("^", "").replace("$", "")


def view_class(view: Any) -> Any:
    return getattr(view, "cls", None) or getattr(view, "view_class", None)


def is_admin(view: Any) -> bool:
    """Whether Django's admin wrapped the view in `admin_view` (which asks for a staff scope)."""
    return hasattr(view, "admin_site") or hasattr(view, "model_admin")


def walk() -> list[Address]:
    """Every address that this process serves."""
    return list(descend(get_resolver(), "", ""))


def descend(resolver: URLResolver, route: str, service: str):
    for entry in resolver.url_patterns:
        path = route + str(entry.pattern)
        if isinstance(entry, URLPattern):
            yield Address(path, entry.callback, service)
        else:
            yield from descend(entry, path, service or entry.app_name or "")
