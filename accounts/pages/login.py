"""The home page, and the pages to log in, register, log out and renew a token."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import rotate_token
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.factors import two_steps
from accounts.factors.challenges import FactorRefused
from accounts.factors.passkeys import UnknownPasskey
from accounts.factors.two_steps import Answer, SecondFactorRequired
from accounts.issuing.local_issuer import StoredKeysIssuer
from accounts.login import known_browsers, sessions
from accounts.login.sessions import Origin, TokenPair
from accounts.login.throttling import TooManyFailures
from accounts.models import Client, Session
from accounts.pages import kept_forms
from accounts.pages.forms import EmailField, LogInForm, PasskeyForm, RegisterForm, SecondFactorForm, describe_codes
from accounts.pages.throttled import throttled_response
from accounts.people import registration
from accounts.people.credentials import EmailTaken, InvalidField
from tokens import cookies
from tokens.errors import TokenRefused
from tokens.pages import LOG_IN, STEP_UP, TemporaryRedirect, is_just_issued, local_path, log_in_again, page, with_next
from tokens.permissions import OPEN
from tokens.scopes import STAFF_SCOPES
from tokens.verification import read_expired
from wire.api.problems import READ_ONLY, Problem
from wire.events import Named

AUTHORIZE = "/oauth/authorize"
"""Where apps send people."""
BROWSER = "web"
"""The `client_id` of every browser."""
LOG_OUT = "/login/end/"
NOTHING_LEFT = (
    "This browser does not say any more which session was yours, so none was ended. If you were logged in here, log in "
    "again, and log out what you find on your account page under “Where you are logged in”."
)
AGAIN = "You are logged in again"
DO_IT_AGAIN = "Your session was over, so nothing has happened yet. Log in, and do it again."
CONFIRM = "Open it and confirm that the address is yours; then you can order."


@page(OPEN)
@require_http_methods(["GET", "HEAD"])
def home(request: HttpRequest) -> HttpResponse:
    """What this shop is, with links on."""
    return render(request, "accounts/home.html")


@page(OPEN, query=["next"])
@require_http_methods(["GET", "HEAD", "POST"])
def log_in(request: HttpRequest) -> HttpResponse:
    """Log in and go on to `next`, with the form that somebody was sending when their session was over."""
    if request.method != "POST" and request.user.is_authenticated:
        return HttpResponseRedirect(next_path(request))
    if request.method == "POST" and "password" not in request.POST:
        return ask_again(request)

    form = LogInForm(request.POST or None, initial={"email": read_login_hint(request)})
    try:
        if request.method == "POST" and form.is_valid():
            email, password = form.cleaned_data["email"], form.cleaned_data["password"]
            origin = Origin.of_request(request, BROWSER, known_browsers.find_browser(request, email))
            tokens = two_steps.log_in(email, password, origin)
            return start_session(request, tokens, kept=form.cleaned_data["kept"])
    except SecondFactorRequired as required:
        return show_second_step(request, required.challenge, kept=form.cleaned_data["kept"])
    except sessions.InvalidCredentials as error:
        form.add_error(None, str(error))
    except TooManyFailures as error:
        return throttled_response(form, error, lambda: show_log_in(request, form))
    return show_log_in(request, form)


def show_log_in(request: HttpRequest, form: forms.Form, *, refusal: Exception | str = "") -> HttpResponse:
    """The page to log in: with a password, or where there is a script with a passkey, but none that nobody has."""
    unknown = refusal.signal if isinstance(refusal, UnknownPasskey) else ""
    context = {"passkey_options": two_steps.passkey_options(), "unknown_passkey": unknown, "refusal": refusal}
    return show_form(request, "accounts/login.html", form, app=find_app(request), **context)


def find_app(request: HttpRequest) -> Client | None:
    """The app that sent somebody here to log in, if it is one that we know."""
    client_id = read_asked(request, "client_id")
    if not client_id or "\0" in client_id:
        return None

    return Client.objects.filter(pk=client_id, is_active=True).exclude(redirect_uris="").first()


def read_login_hint(request: HttpRequest) -> str:
    """The e-mail address of whom an app wants to log in (OpenID Connect Core 3.1.2.1); empty for anything else."""
    try:
        return str(EmailField().clean(read_asked(request, "login_hint")))
    except ValidationError:
        return ""


def read_asked(request: HttpRequest, name: str) -> str:
    """A parameter of the request with which an app sent somebody here."""
    address = urlsplit(next_path(request))
    return parse_qs(address.query).get(name, [""])[0] if address.path == AUTHORIZE else ""


@page(OPEN, query=["next"])
@require_http_methods(["GET", "HEAD", "POST"])
def second_factor(request: HttpRequest) -> HttpResponse:
    """The second step of a log-in: a code, or the answer of a passkey."""
    passkey, form = PasskeyForm(request.POST), SecondFactorForm(request.POST)
    sent = passkey if "credential" in request.POST else form
    if request.method != "POST" or not {"challenge"} & {*sent.data}:
        return HttpResponseRedirect(LOG_IN)

    challenge, kept = str(sent.data["challenge"]), str(sent.data.get("kept", ""))
    try:
        if sent.is_valid():
            answer = Answer(sent.cleaned_data.get("code", ""), sent.cleaned_data.get("credential", ""))
            return start_session(request, two_steps.finish(challenge, answer, origin_of(request)), kept=kept)
    except sessions.InvalidCredentials as error:
        return begin_again(request, error, kept=kept)
    except FactorRefused as error:
        form.add_error("code", str(error))
    except TooManyFailures as error:
        return throttled_response(form, error, lambda: show_second_step(request, challenge, form, kept=kept))
    return show_second_step(request, challenge, form, kept=kept)


def show_second_step(
    request: HttpRequest, challenge: str, form: SecondFactorForm | None = None, *, kept: str
) -> HttpResponse:
    """The page that asks for a second factor; where its challenge is over, the one to log in."""
    try:
        options, kinds = two_steps.second_options(challenge, origin_of(request))
    except FactorRefused as error:
        return begin_again(request, error, kept=kept)

    form = form or SecondFactorForm(initial={"challenge": challenge, "kept": kept})
    form.fields["code"].help_text = describe_codes(kinds)
    return show_form(request, "accounts/second_factor.html", form, passkey_options=options)


def begin_again(request: HttpRequest, error: Exception, *, kept: str) -> HttpResponse:
    """The page to log in, which says why the step after it did not work."""
    response = show_log_in(request, LogInForm(initial={"kept": kept}), refusal=error)
    response.status_code = 400
    if isinstance(error, TooManyFailures):
        response.status_code, response["Retry-After"] = 429, str(error.retry_after)
    return response


@page(OPEN, query=["next"])
@require_http_methods(["GET", "HEAD", "POST"])
def log_in_by_passkey(request: HttpRequest) -> HttpResponse:
    """Log in with a passkey alone."""
    form = PasskeyForm(request.POST)
    if request.method != "POST" or not form.is_valid():
        return HttpResponseRedirect(LOG_IN)

    kept = form.cleaned_data["kept"]
    try:
        tokens = two_steps.log_in_by_passkey(form.cleaned_data["credential"], origin_of(request))
    except (FactorRefused, TooManyFailures, sessions.InvalidCredentials) as error:
        return begin_again(request, error, kept=kept)
    return start_session(request, tokens, kept=kept)


def origin_of(request: HttpRequest) -> Origin:
    return Origin.of_request(request, BROWSER)


def ask_again(request: HttpRequest) -> HttpResponse:
    """Ask who is there of somebody whose form came without a living session, and keep it meanwhile."""
    kept = kept_forms.keep(request)
    # What was to be done by a button alone has nothing that could be kept.
    response = show_log_in(request, LogInForm(initial={"kept": kept}), refusal="" if kept else DO_IT_AGAIN)
    return cookies.clear_tokens(response)


@page(OPEN, query=["next"])
@require_http_methods(["GET", "HEAD", "POST"])
def register(request: HttpRequest) -> HttpResponse:
    """Become a customer, logged in at once."""
    form = RegisterForm(request.POST or None)
    try:
        if request.method == "POST" and form.is_valid():
            origin = Origin.of_request(request, BROWSER)
            user = registration.register(**form.cleaned_data, address=origin.address)
            messages.success(request, f"Welcome. We have sent a link to {user.email}. {CONFIRM}")
            return start_session(request, sessions.open_session(user, origin))
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

    if not end_session(request, reason="log-out"):
        return TemporaryRedirect(LOG_OUT)
    messages.success(request, "You are logged out.")
    return leave()


@page(OPEN)
@require_POST
def log_out_by_refresh(request: HttpRequest) -> HttpResponse:
    """End the session of the refresh cookie, which comes to `/login/` alone; say so where none can be ended."""
    if end_session(request, reason="log-out"):
        messages.success(request, "You are logged out.")
    else:
        messages.warning(request, NOTHING_LEFT)
    return leave()


def leave() -> HttpResponse:
    """To the log-in, with nothing of the session left in the browser."""
    response = HttpResponseRedirect(LOG_IN, headers={"Clear-Site-Data": '"cache", "storage"'})
    return cookies.clear_tokens(response)


def end_session(request: HttpRequest, *, reason: str) -> bool:
    """End the session of a browser, by its access cookie, expired or not, or its refresh cookie; whether one is one."""
    try:
        claims = read_expired(cookies.read_access(request), StoredKeysIssuer())
    except TokenRefused:
        return end_by_refresh(request, reason=reason)
    if "act" in claims:
        return False  # A service's, with which it calls another: no browser was given it.

    sid: Any = claims.get("sid")
    sessions.end(Session.objects.filter(pk=sid), reason=reason, by=Named(claims["sub"], claims["client_id"]))
    return True


def end_by_refresh(request: HttpRequest, *, reason: str) -> bool:
    try:
        sessions.log_out(cookies.read_refresh(request), reason=reason)
    except TokenRefused:
        return False
    return True


@page(OPEN, query=["next"])
@require_http_methods(["GET", "HEAD", "POST"])
def renew(request: HttpRequest) -> HttpResponse:
    """Renew both cookies and send the browser back, its method and body kept (307)."""
    if "accounts" in settings.READ_ONLY:
        raise Problem(READ_ONLY)

    try:
        tokens = sessions.refresh(cookies.read_refresh(request), client_id=BROWSER)
    except TokenRefused:
        # Whether an app's request may ask anybody anything, it says itself.
        is_apps = next_path(request).startswith(f"{AUTHORIZE}?")
        back = cookies.clear_tokens(HttpResponseRedirect(next_path(request)))
        return back if is_apps else log_in_again(request, next_path(request))
    response = TemporaryRedirect(next_path(request))
    if is_just_issued(cookies.read_access(request)):
        cookies.mark_renewed(response)
    return cookies.set_tokens(response, access=tokens.access, refresh=tokens.refresh)


def show_form(request: HttpRequest, template: str, form: Any, **more: Any) -> HttpResponse:
    """A page with a form: 400 where the form says what is wrong with it."""
    target = request.GET.get("next")
    context = {"form": form, "next_query": with_next("", target) if target else "", **more}
    return render(request, template, context, status=400 if form.errors else 200)


def start_session(request: HttpRequest, tokens: TokenPair, *, kept: str = "") -> HttpResponse:
    """Log in a browser, whose forms get a new CSRF secret, and send it on; the session that it had ends.

    Whose form was kept meanwhile is shown it, to be sent now.
    """
    rotate_token(request)
    end_session(request, reason="new log-in")
    claims = read_expired(tokens.access, StoredKeysIssuer())
    fields = kept_forms.open_kept(kept, next_path(request), sub=claims["sub"])
    response = send_again(request, fields, why=AGAIN) if fields else HttpResponseRedirect(find_target(request, claims))
    known_browsers.remember_browser(request, response, claims["email"])
    return cookies.set_tokens(response, access=tokens.access, refresh=tokens.refresh)


def find_target(request: HttpRequest, claims: dict[str, Any]) -> str:
    """Where somebody who has just logged in goes on: staff with one factor, where two are wanted, by way of another."""
    path, withheld = next_path(request), claims.get("withheld", "").split()
    if path.startswith("/oauth/") or {*STAFF_SCOPES.values()}.isdisjoint(withheld):
        return path

    messages.warning(request, "Staff of this shop prove two factors. Add a second one, and the admin opens to you.")
    return with_next(STEP_UP, path) + "&acr=aal2"


def send_again(request: HttpRequest, fields: kept_forms.Fields, *, why: str) -> HttpResponse:
    """The page on which somebody sends a form that was kept while they proved something, which `why` says."""
    return render(request, "accounts/send_again.html", {"fields": fields, "target": next_path(request), "why": why})


def next_path(request: HttpRequest) -> str:
    """Where a browser goes on to: a path of this shop, never elsewhere."""
    return local_path(request.GET.get("next"), settings.LOGIN_REDIRECT_URL)
