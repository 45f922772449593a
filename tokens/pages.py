"""Pages state their scopes as API views do; a page with an expired token has it renewed."""

from collections.abc import Callable, Collection
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme

from database import clock
from tokens import cookies
from tokens.encryption import decrypt
from tokens.errors import ClocksDiffer, OutOfTime, TokenRefused
from tokens.jws import parse_jws
from tokens.permissions import OPEN, EmailNotVerified, Scopes, ScopeWithheld, StepUpRequired, is_opened, lack_of
from tokens.user import current_user

RENEW = "/login/renew/"
LOG_IN = "/login/"
STEP_UP = "/login/step-up/"
VERIFY_EMAIL = "/account/email/verify/"
MAX_KEPT_FORM = 32 * 1024
"""Bytes of a form that is kept while its sender logs in."""

FORM = "application/x-www-form-urlencoded"

Page = Callable[..., Any]


class TemporaryRedirect(HttpResponseRedirect):
    """A redirect on which a browser keeps its method and body (RFC 9110 15.4.8)."""

    status_code = 307


def page(scopes: Scopes, *, query: Collection[str] | None = (), open_if: str = "") -> Callable[[Page], Page]:
    """Let in who carries the scope stated for the method; `OPEN` lets in everybody.

    `open_if` names a setting that opens to everybody what only reads, `query` what the page takes in its query
    (`wire.queries`); None, where a standard has it that what is not known is passed over. Without a token a browser is
    sent to log in, with an expired one to renew it. No browser or proxy stores a page.
    """

    def decorate(view: Page) -> Page:
        @wraps(view)
        def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            denied = renew_first(request) if is_opened(request.method, open_if) else deny_access(request, scopes)
            try:
                response = denied or view(request, *args, **kwargs)
            except ScopeWithheld as error:
                response = prove_first(request, error)
            response.setdefault("Cache-Control", "private, no-store")
            return response

        wrapper.scopes = scopes  # type: ignore[attr-defined]
        wrapper.query = None if query is None else frozenset(query)  # type: ignore[attr-defined]
        wrapper.open_if = open_if  # type: ignore[attr-defined]
        return wrapper

    return decorate


def renew_first(request: HttpRequest) -> HttpResponse | None:
    """On a page that is open, have who is logged in known as that: their token is renewed if it has expired."""
    expired = not request.user.is_authenticated and isinstance(getattr(request.user, "refusal", None), OutOfTime)
    return redirect_to_login(request) if expired and cookies.read_access(request) else None


def deny_access(request: HttpRequest, scopes: Scopes) -> HttpResponse | None:
    """The response for a user who may not see a page; None for one who may."""
    if isinstance(scopes, str):
        return None if scopes == OPEN else redirect_to_login(request)

    method = "GET" if request.method == "HEAD" else str(request.method)
    if method not in scopes:
        return HttpResponseNotAllowed(list(scopes))

    if not request.user.is_authenticated:
        return redirect_to_login(request)

    return deny_scope(request, scopes[method])


def deny_scope(request: HttpRequest, wanted: str) -> HttpResponse | None:
    """The response for a user who carries none of some scopes, who may have to prove who they are for one; None for
    one who carries one. Raises `PermissionDenied`."""
    user = current_user(request)
    if not user.scopes.isdisjoint(wanted.split()):
        return None

    error = lack_of(wanted, user)
    if not isinstance(error, ScopeWithheld):
        raise PermissionDenied
    return prove_first(request, error)


def prove_first(request: HttpRequest, error: ScopeWithheld) -> HttpResponse:
    """Send a browser on to prove what is lacking, with the form that it sends, and back here after that."""
    asked = {"acr": error.acr_values, "max_age": error.max_age} if isinstance(error, StepUpRequired) else {}
    address = with_next(VERIFY_EMAIL if isinstance(error, EmailNotVerified) else STEP_UP, request.get_full_path())
    address += f"&{urlencode(asked)}" if asked else ""
    return TemporaryRedirect(address) if carries_form(request) else HttpResponseRedirect(address + lost_form(request))


def redirect_to_login(request: HttpRequest) -> HttpResponse:
    """Send a browser on to get a token: to renew the one it has, or to log in.

    What does not get better by being renewed is not, so that no browser is sent round and round, whatever the clocks
    say. Raises `ClocksDiffer` where it is a clock that refuses its token.
    """
    token, path = cookies.read_access(request), request.get_full_path()
    is_out_of_time = isinstance(getattr(request.user, "refusal", None), OutOfTime)
    if token and not cookies.were_renewed(request) and (is_out_of_time or not is_just_issued(token)):
        return TemporaryRedirect(with_next(RENEW, path))
    if is_out_of_time:
        raise ClocksDiffer

    return log_in_again(request, path)


def log_in_again(request: HttpRequest, path: str) -> HttpResponse:
    """Take a browser's tokens away and send it to log in, and on to `path` after that.

    A form comes along (307), so that the log-in gives it back to whoever filled it in; a file does not, and they are
    told.
    """
    if carries_form(request):
        # The log-in takes the tokens away, once it has read whose they were.
        return TemporaryRedirect(with_next(LOG_IN, path))

    return cookies.clear_tokens(HttpResponseRedirect(with_next(LOG_IN, path) + lost_form(request)))


def carries_form(request: HttpRequest) -> bool:
    """Whether a request has a form that can be kept; one with a file cannot."""
    return request.method == "POST" and request.content_type == FORM and body_size(request) <= MAX_KEPT_FORM


def lost_form(request: HttpRequest) -> str:
    """What the page that one is sent to is shown by if a form was sent that cannot be kept (`lost_form.html`).

    A fragment, since an accounts of the release before takes no other query.
    """
    return "#lost" if request.method == "POST" and not carries_form(request) else ""


def body_size(request: HttpRequest) -> int:
    """Bytes of a body, as its sender says."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    return int(length) if length.isdigit() else 0


def with_next(address: str, path: str) -> str:
    return f"{address}?{urlencode({'next': path}, safe='/')}"


def is_just_issued(token: str) -> bool:
    """Whether a token, believed or not, says it is seconds old, by the clock that this service goes by."""
    try:
        issued_at = parse_jws(decrypt(token)).claims.get("iat")
    except TokenRefused:
        return False
    return type(issued_at) is int and clock.time() - issued_at < cookies.JUST_ISSUED


def local_path(address: str | None, default: str = "/") -> str:
    """`address` if it is a path on this host, else `default`: no open redirect."""
    # What follows leads nowhere else, and may be longer than Django looks at: an app's request, a list of orders.
    path = (address or "").partition("?")[0]
    if address and path.startswith("/") and url_has_allowed_host_and_scheme(path, allowed_hosts=None):
        return address

    return default
