"""The pages of accounts: the front page, the way in and out, and oneself."""

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import rotate_token
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from accounts.issuing.local_issuer import Archive
from accounts.login import sessions, throttling
from accounts.login.sessions import Grant, Origin
from accounts.models import Session, User
from accounts.pages.forms import LogInForm, RegisterForm
from accounts.people import registration
from tokens import cookies
from tokens.errors import TokenRefused
from tokens.pages import LOG_IN, TemporaryRedirect, local_path, page
from tokens.permissions import OPEN
from tokens.verification import read_expired
from wire.events import Named
from wire.problems import ReadOnly

BROWSER = "web"
"""The `client_id` of every browser."""


@page(OPEN)
@require_http_methods(["GET", "HEAD"])
def front(request: HttpRequest) -> HttpResponse:
    """What this shop is, and the ways on."""
    return render(request, "accounts/home.html")


@page(OPEN)
@require_http_methods(["GET", "HEAD", "POST"])
def log_in(request: HttpRequest) -> HttpResponse:
    """Log in and go on to `next`."""
    form = LogInForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return show(request, "accounts/login.html", form)

    try:
        return welcome(request, sessions.log_in(**form.cleaned_data, origin=origin_of(request)))
    except sessions.InvalidCredentials:
        form.add_error(None, "There is no account with that e-mail address and password.")
    except throttling.TooManyFailures as error:
        return put_off(request, form, error.retry_after)
    return show(request, "accounts/login.html", form)


def put_off(request: HttpRequest, form: LogInForm, seconds: int) -> HttpResponse:
    """The log-in for who failed too often: 429, and when to come back."""
    form.add_error(None, f"Too many failed attempts. Wait {seconds} seconds, then try again.")
    response = show(request, "accounts/login.html", form)
    response.status_code = 429
    response["Retry-After"] = str(seconds)
    return response


@page(OPEN)
@require_http_methods(["GET", "HEAD", "POST"])
def register(request: HttpRequest) -> HttpResponse:
    """Become a customer, logged in at once."""
    form = RegisterForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        user = create_user(form)
        if user:
            return welcome(request, sessions.open_session(user, origin_of(request)))

    return show(request, "accounts/register.html", form)


def create_user(form: RegisterForm) -> User | None:
    """A new user as the form says, or None and an error in the form."""
    try:
        return registration.register(**form.cleaned_data)
    except registration.EmailTaken:
        form.add_error("email", "That e-mail address is taken. Is it yours? Then log in.")
    except ValidationError as error:
        form.add_error("password", ValidationError(error.messages))
    return None


@page(OPEN)
@require_http_methods(["GET", "HEAD", "POST"])
def log_out(request: HttpRequest) -> HttpResponse:
    """Ask on GET; on POST end the session of the access cookie, spent or not."""
    if request.method != "POST":
        return render(request, "accounts/logout.html")

    end_session(cookies.read_access(request))
    messages.success(request, "You are logged out.")
    response = HttpResponseRedirect(LOG_IN)
    cookies.clear_tokens(response)
    return response


def end_session(token: str) -> None:
    """End the session of an access token, also one whose key was replaced."""
    try:
        claims = read_expired(token, Archive())
    except TokenRefused:
        return

    sid: Any = claims.get("sid")
    sessions.end(Session.objects.filter(pk=sid), reason="log-out", by=Named(claims["sub"], claims["client_id"]))


@page(OPEN)
@require_http_methods(["GET", "HEAD", "POST"])
def renew(request: HttpRequest) -> HttpResponse:
    """Renew both cookies and send the browser back, its method and body kept (307)."""
    if "accounts" in settings.READ_ONLY:
        raise ReadOnly

    try:
        grant = sessions.refresh(cookies.read_refresh(request), client_id=BROWSER)
    except sessions.RefreshRefused:
        return send_away(request)
    return admit(TemporaryRedirect(onward(request)), grant)


def send_away(request: HttpRequest) -> HttpResponse:
    """Off to log in, without cookies; back to where one was after that."""
    query = urlencode({"next": onward(request)}, safe="/")
    response = HttpResponseRedirect(f"{LOG_IN}?{query}")
    cookies.clear_tokens(response)
    return response


def show(request: HttpRequest, template: str, form: Any, **context: Any) -> HttpResponse:
    """A page with a form: 400 where the form says what is wrong with it."""
    target = request.GET.get("next")
    context |= {"form": form, "onward": f"?{urlencode({'next': target}, safe='/')}" if target else ""}
    return render(request, template, context, status=400 if form.errors else 200)


def welcome(request: HttpRequest, grant: Grant) -> HttpResponse:
    """Let in who has just proved who it is; its forms get a new CSRF secret."""
    rotate_token(request)
    return admit(HttpResponseRedirect(onward(request)), grant)


def admit(response: HttpResponse, grant: Grant) -> HttpResponse:
    cookies.set_tokens(response, access=grant.access, refresh=grant.refresh)
    return response


def onward(request: HttpRequest) -> str:
    """Where a browser was going: a path of this shop, never elsewhere."""
    return local_path(request.GET.get("next"), settings.LOGIN_REDIRECT_URL)


def origin_of(request: HttpRequest) -> Origin:
    """Where a log-in comes from, for the list of one's sessions."""
    device = request.META.get("HTTP_USER_AGENT", "").replace("\0", "")
    return Origin(BROWSER, device, request.META.get("REMOTE_ADDR"))
