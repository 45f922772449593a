"""Pages of the account on which a person adds and removes second factors."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render

from accounts.factors import passkeys, recovery_codes, totp
from accounts.factors.challenges import FactorRefused
from accounts.factors.freshness import NotRecent, check_recent
from accounts.login.sessions import TokenPair
from accounts.models import Passkey, RecoveryCode, Totp, User
from accounts.models.user_agents import name_device
from accounts.pages.account import own_account
from accounts.pages.forms import NewPasskeyForm, PasskeyNameForm, TotpForm
from accounts.people.email_addresses import Unconfirmed
from database import clock
from tokens import cookies
from tokens.pages import RENEW, page, prove_first, with_next
from tokens.permissions import EmailNotVerified, StepUpRequired
from tokens.user import current_user

FACTORS = "/account/factors/"
IS_ASKED = "It is added. From now on you are asked for it when you log in with your password."
LOGS_IN = "It is added. You log in with it alone, or are asked for it after your password."
OWN = {"GET": "account", "POST": "account"}
View = Callable[..., HttpResponse]


def own_page(view: View) -> View:
    """A page of the account, given its user; who changes something has to have proven who they are lately."""

    @page(OWN)
    @wraps(view)
    def wrapper(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        user = own_account(request)
        try:
            return view(request, user, **kwargs)
        except Unconfirmed:
            return prove_first(request, EmailNotVerified())
        except NotRecent as error:
            return prove_first(request, StepUpRequired(error.acr_values, error.max_age))

    return wrapper


@own_page
def factors(request: HttpRequest, user: User) -> HttpResponse:
    """What protects the account beside its password; a POST removes the app."""
    if request.method == "POST":
        check_recent(user, by=current_user(request))
        if is_sure(request) and totp.remove(user, by=current_user(request)):
            messages.success(request, "The authenticator app is removed.")
        return removed(user)

    context = {
        "app": Totp.objects.filter(user=user).first(),
        "passkeys": Passkey.objects.filter(user=user),
        "codes_left": RecoveryCode.objects.filter(user=user).count(),
    }
    return render(request, "accounts/factors.html", context)


def is_sure(request: HttpRequest) -> bool:
    """Whether somebody ticked that a factor goes; who did not is told that it stays."""
    if "sure" in request.POST:
        return True

    messages.error(request, "Nothing is removed. Tick that you are sure, and send it again.")
    return False


@own_page
def set_up_totp(request: HttpRequest, user: User) -> HttpResponse:
    """Scan a QR code, and type the code that the app shows then."""
    check_recent(user, by=current_user(request))
    form = TotpForm(request.POST or None)
    try:
        if form.is_valid():
            code, by = form.cleaned_data["code"], current_user(request)
            return added(request, user, totp.add(user, setup=request.POST.get("setup", ""), code=code, by=by), IS_ASKED)
    except ValidationError as error:
        form.add_error(None if "setup" in error.message_dict else "code", error.messages)

    setup = find_setup(user, request.POST.get("setup", ""))
    side, path = totp.draw_qr(setup.uri)
    context = {"form": form, "setup": setup, "side": side, "path": path}
    return render(request, "accounts/totp.html", context, status=400 if form.errors else 200)


def find_setup(user: User, signed: str) -> totp.Setup:
    """The secret that was shown before, so that a wrong code can be tried again, or a new one."""
    try:
        return totp.describe(user, signed)
    except ValidationError:
        return totp.begin(user)


@own_page
def add_passkey(request: HttpRequest, user: User) -> HttpResponse:
    """Name a passkey, and have a script ask the browser for it."""
    check_recent(user, by=current_user(request))
    form = NewPasskeyForm(request.POST or None, initial={"name": name_device(request.META.get("HTTP_USER_AGENT", ""))})
    try:
        if form.is_valid():
            _, tokens = passkeys.add(user, **form.cleaned_data, by=current_user(request))
            return added(request, user, tokens, LOGS_IN)
    except (FactorRefused, passkeys.TooManyPasskeys) as error:
        form.add_error(None, "; ".join(getattr(error, "messages", [str(error)])))

    context = {"form": form, "passkey_options": passkeys.adding_options(user)}
    return render(request, "accounts/new_passkey.html", context, status=400 if form.errors else 200)


def added(request: HttpRequest, user: User, tokens: TokenPair, said: str) -> HttpResponse:
    """Go on after a factor was added, with tokens that say so; who has no recovery codes is given some at once."""
    messages.success(request, said)
    has_codes = RecoveryCode.objects.filter(user=user).exists()
    response = HttpResponseRedirect(FACTORS) if has_codes else show_new_codes(request, user)
    return cookies.set_tokens(response, access=tokens.access, refresh=tokens.refresh)


@own_page
def passkey(request: HttpRequest, user: User, pk: UUID) -> HttpResponse:
    """Rename or remove a passkey."""
    own = get_object_or_404(Passkey, user=user, pk=pk)
    form: forms.Form = PasskeyNameForm(initial={"name": own.name})
    if request.POST.get("do") == "remove":
        return remove_passkey(request, user, own)

    if request.method == "POST":
        form = PasskeyNameForm(request.POST)
        if form.is_valid():
            passkeys.rename(own, **form.cleaned_data)
            messages.success(request, "The passkey has its new name.")
            return HttpResponseRedirect(FACTORS)
    context = {"passkey": own, "form": form}
    return render(request, "accounts/passkey.html", context, status=400 if form.errors else 200)


def remove_passkey(request: HttpRequest, user: User, own: Passkey) -> HttpResponse:
    check_recent(user, by=current_user(request))
    try:
        if is_sure(request):
            if not passkeys.remove(user, own.pk, by=current_user(request)):
                raise Http404
            messages.success(request, "The passkey is removed. Remove it on your device, too.")
    except passkeys.LastWayIn as error:
        messages.error(request, error.messages[0])
    return removed(user)


def removed(user: User) -> HttpResponse:
    """Back to the factors; with the last of them the browser's token was revoked, and it fetches another."""
    return HttpResponseRedirect(FACTORS if user.has_second_factor else with_next(RENEW, FACTORS))


@own_page
def make_recovery_codes(request: HttpRequest, user: User) -> HttpResponse:
    """Ask on GET; on POST make ten codes and show them, this once."""
    check_recent(user, by=current_user(request))
    try:
        if request.method == "POST":
            return show_new_codes(request, user)
        recovery_codes.check_needed(user)
    except recovery_codes.NoSecondFactor as error:
        messages.error(request, error.messages[0])
        return HttpResponseRedirect(FACTORS)

    left = RecoveryCode.objects.filter(user=user).count()
    return render(request, "accounts/recovery_codes.html", {"left": left})


def show_new_codes(request: HttpRequest, user: User) -> HttpResponse:
    codes = recovery_codes.make(user, by=current_user(request))
    context = {"codes": codes, "account": user, "seller": settings.SELLER, "now": clock.now()}
    return render(request, "accounts/recovery_codes.html", context)
