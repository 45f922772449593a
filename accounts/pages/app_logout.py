"""The end of a session that an app asks for (OpenID Connect RP-Initiated Logout 1.0)."""

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.views.decorators.http import require_http_methods

from accounts.issuing.id_tokens import read_id_token
from accounts.issuing.local_issuer import StoredKeysIssuer
from accounts.login import sessions
from accounts.models import Client, Session
from accounts.models.redirects import is_registered
from accounts.models.sessions import SessionQuerySet
from accounts.oauth import parameters
from accounts.pages.login import end_session
from tokens import cookies
from tokens.errors import TokenRefused
from tokens.pages import LOG_IN, page
from tokens.permissions import OPEN
from tokens.verification import read_expired
from wire.api.problems import READ_ONLY, Problem
from wire.events import Named

ASK = "/logout/"


@page(OPEN, query=None)
@require_http_methods(["GET", "POST"])
def log_out(request: HttpRequest) -> HttpResponse:
    """Log somebody out of an app and of the shop, who is asked unless the app shows that they are logged in to it."""
    if request.method == "POST":
        return HttpResponse(status=303, headers={"Location": f"{request.path}?{request.POST.urlencode()}"})
    if "accounts" in settings.READ_ONLY:
        raise Problem(READ_ONLY)

    request.GET = parameters.given(request.GET)  # type: ignore[assignment]
    claims = read_hint(request)
    has_session = bool(cookies.read_access(request))
    if not claims or (has_session and not is_their_session(request, claims)):
        return HttpResponseRedirect(ASK)

    client_id, by = claims["aud"], Named(claims["sub"], claims["aud"])
    sessions.end(session_of(claims), reason="log-out", by=by)
    if has_session:
        end_session(request, reason="log-out")
    messages.success(request, "You are logged out.")
    return cookies.clear_tokens(HttpResponse(status=303, headers={"Location": find_target(request.GET, client_id)}))


# A form of an app has no token of ours, and does nothing.
log_out.csrf_exempt = True  # type: ignore[attr-defined]
log_out.max_body = parameters.MAX_FORM  # type: ignore[attr-defined]


def read_hint(request: HttpRequest) -> dict[str, Any] | None:
    """What an ID token says, expired or not; None without one, and for one of another app."""
    try:
        claims = read_id_token(request.GET.get("id_token_hint", ""))
    except TokenRefused:
        return None
    return claims if request.GET.get("client_id", claims["aud"]) == claims["aud"] else None


def is_their_session(request: HttpRequest, claims: dict[str, Any]) -> bool:
    """Whether an app's session was not ended, and is of the person whose browser it is.

    Who is there is told by an expired cookie as well: by that cookie their session would be ended.
    """
    try:
        here = read_expired(cookies.read_access(request), StoredKeysIssuer())
    except TokenRefused:
        return False
    return here["sub"] == claims["sub"] and session_of(claims).exists()


def session_of(claims: dict[str, Any]) -> SessionQuerySet:
    """The session that an ID token was issued in, unless it was ended."""
    return Session.objects.of_user(claims["sub"]).alive().filter(pk=claims["sid"], client_id=claims["aud"])


def find_target(query: QueryDict, client_id: str) -> str:
    """Where the app wants the browser next, if it has registered that."""
    address, state = query.get("post_logout_redirect_uri", ""), query.get("state", "")
    app = Client.objects.filter(pk=client_id, is_active=True).first()
    if not app or not address or not is_registered(address, app.logout_uris):
        return LOG_IN

    return f"{address}{'&' if '?' in address else '?'}{urlencode({'state': state})}" if state else address
