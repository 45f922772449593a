"""The home page, and the pages to log in, register, log out and renew a token."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import rotate_token
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from accounts.issuing.local_issuer import StoredKeysIssuer
from accounts.login import known_browsers, sessions
from accounts.login.sessions import Origin, TokenPair
from accounts.login.throttling import TooManyFailures
from accounts.models import Session
from accounts.pages.forms import LogInForm, RegisterForm
from accounts.pages.throttled import throttled_response
from accounts.people import registration
from accounts.people.credentials import EmailTaken, InvalidField
from tokens import cookies
from tokens.errors import TokenRefused
from tokens.pages import LOG_IN, TemporaryRedirect, local_path, log_in_again, page, with_next
from tokens.permissions import OPEN
from tokens.verification import read_expired
from wire.events import Named
from wire.problems import READ_ONLY, Problem

BROWSER = "web"
"""The `client_id` of every browser."""


@page(OPEN)
@require_http_methods(["GET", "HEAD"])
def home(request: HttpRequest) -> HttpResponse:
    """What this shop is, with links on."""
    return render(request, "accounts/home.html")


@page(OPEN)
@require_http_methods(["GET", "HEAD", "POST"])
def log_in(request: HttpRequest) -> HttpResponse:
    """Log in and go on to `next`."""
    form = LogInForm(request.POST or None)
    try:
        if request.method == "POST" and form.is_valid():
            email = form.cleaned_data["email"]
            origin = Origin.of_request(request, BROWSER, known_browsers.find_browser(request, email))
            return start_session(request, sessions.log_in(**form.cleaned_data, origin=origin), email)
    except sessions.InvalidCredentials as error:
        form.add_error(None, str(error))
    except TooManyFailures as error:
        return throttled_response(form, error, lambda: show_form(request, "accounts/login.html", form))
    return show_form(request, "accounts/login.html", form)


@page(OPEN)
@require_http_methods(["GET", "HEAD", "POST"])
def register(request: HttpRequest) -> HttpResponse:
    """Become a customer, logged in at once."""
    form = RegisterForm(request.POST or None)
    try:
        if request.method == "POST" and form.is_valid():
            origin = Origin.of_request(request, BROWSER)
            user = registration.register(**form.cleaned_data, address=origin.address)
            return start_session(request, sessions.open_session(user, origin), user.email)
    except EmailTaken as error:
        form.add_error("email", f"{error.messages[0]} Is it yours? Then log in.")
    except InvalidField as error:
        form.add_error(None, error)
    except TooManyFailures as error:
        reason = "Many people registered from your network."
        return throttled_response(form, error, lambda: show_form(request, "accounts/register.html", form), reason)
    return show_form(request, "accounts/register.html", form)


@page(OPEN)
@require_http_methods(["GET", "HEAD", "POST"])
def log_out(request: HttpRequest) -> HttpResponse:
    """Ask on GET; on POST end the session of the access cookie, expired or not."""
    if request.method != "POST":
        return render(request, "accounts/logout.html")

    end_session(cookies.read_access(request))
    messages.success(request, "You are logged out.")
    return cookies.clear_tokens(HttpResponseRedirect(LOG_IN))


def end_session(token: str) -> None:
    """End the session of an access token, also one whose key was replaced."""
    try:
        claims = read_expired(token, StoredKeysIssuer())
    except TokenRefused:
        return

    sid: Any = claims.get("sid")
    sessions.end(Session.objects.filter(pk=sid), reason="log-out", by=Named(claims["sub"], claims["client_id"]))


@page(OPEN)
@require_http_methods(["GET", "HEAD", "POST"])
def renew(request: HttpRequest) -> HttpResponse:
    """Renew both cookies and send the browser back, its method and body kept (307)."""
    if "accounts" in settings.READ_ONLY:
        raise Problem(READ_ONLY)

    try:
        tokens = sessions.refresh(cookies.read_refresh(request), client_id=BROWSER)
    except TokenRefused:
        return log_in_again(next_path(request))
    response = TemporaryRedirect(next_path(request))
    return cookies.set_tokens(response, access=tokens.access, refresh=tokens.refresh)


def show_form(request: HttpRequest, template: str, form: Any) -> HttpResponse:
    """A page with a form: 400 where the form says what is wrong with it."""
    target = request.GET.get("next")
    context = {"form": form, "next_query": with_next("", target) if target else ""}
    return render(request, template, context, status=400 if form.errors else 200)


def start_session(request: HttpRequest, tokens: TokenPair, email: str) -> HttpResponse:
    """Log in a browser, whose forms get a new CSRF secret, and send it on."""
    rotate_token(request)
    response = HttpResponseRedirect(next_path(request))
    known_browsers.remember_browser(request, response, email)
    return cookies.set_tokens(response, access=tokens.access, refresh=tokens.refresh)


def next_path(request: HttpRequest) -> str:
    """Where a browser goes on to: a path of this shop, never elsewhere."""
    return local_path(request.GET.get("next"), settings.LOGIN_REDIRECT_URL)
