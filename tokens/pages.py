"""Pages state their scopes as API views do; a page with an expired token has it renewed."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme

from tokens import cookies
from tokens.encryption import decrypt
from tokens.errors import TokenRefused
from tokens.jws import parse_jws
from tokens.permissions import OPEN, Scopes
from tokens.user import current_user

RENEW = "/login/renew/"
LOG_IN = "/login/"
JUST_ISSUED = 10
"""Seconds: a token refused at this age will not get better by being renewed."""

Page = Callable[..., Any]


class TemporaryRedirect(HttpResponseRedirect):
    """A redirect on which a browser keeps its method and body (RFC 9110 15.4.8)."""

    status_code = 307


def page(scopes: Scopes) -> Callable[[Page], Page]:
    """Let in who carries the scope stated for the method; `OPEN` lets in everybody.

    Without a token a browser is sent to log in, with an expired one to renew it. No browser or proxy stores a page.
    """

    def decorate(view: Page) -> Page:
        @wraps(view)
        def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            response = deny_access(request, scopes) or view(request, *args, **kwargs)
            response.setdefault("Cache-Control", "private, no-store")
            return response

        wrapper.scopes = scopes  # type: ignore[attr-defined]
        return wrapper

    return decorate


def deny_access(request: HttpRequest, scopes: Scopes) -> HttpResponse | None:
    """The response for a user who may not see a page; None for one who may."""
    if isinstance(scopes, str):
        return None if scopes == OPEN else redirect_to_login(request)

    method = "GET" if request.method == "HEAD" else str(request.method)
    if method not in scopes:
        return HttpResponseNotAllowed(list(scopes))

    if not request.user.is_authenticated:
        return redirect_to_login(request)

    if current_user(request).scopes.isdisjoint(scopes[method].split()):
        raise PermissionDenied

    return None


def redirect_to_login(request: HttpRequest) -> HttpResponse:
    """Send a browser on to get a token: to renew the one it has, or to log in."""
    token, path = cookies.read_access(request), request.get_full_path()
    if token and not is_just_issued(token):
        return TemporaryRedirect(with_next(RENEW, path))

    return log_in_again(path)


def log_in_again(path: str) -> HttpResponse:
    """Take a browser's tokens away and send it to log in, and on to `path` after that."""
    return cookies.clear_tokens(HttpResponseRedirect(with_next(LOG_IN, path)))


def with_next(address: str, path: str) -> str:
    return f"{address}?{urlencode({'next': path}, safe='/')}"


def is_just_issued(token: str) -> bool:
    """Whether a token, believed or not, says it is seconds old; so that no renewal loops."""
    try:
        issued_at = parse_jws(decrypt(token)).claims.get("iat")
    except TokenRefused:
        return False
    return type(issued_at) is int and time.time() - issued_at < JUST_ISSUED


def local_path(address: str | None, default: str = "/") -> str:
    """`address` if it is a path on this host, else `default`: no open redirect."""
    if address and address.startswith("/") and url_has_allowed_host_and_scheme(address, allowed_hosts=None):
        return address

    return default
