"""The account page: cards that lead to what a person may see and change of their own."""

from collections.abc import Callable
from typing import NamedTuple

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render

from accounts.factors.freshness import NotRecent, check_strongest
from accounts.login.throttling import TooManyFailures
from accounts.models import User
from accounts.pages.cards import ACCOUNT, CARDS
from accounts.pages.forms import DeletionForm, EmailForm, NameForm, PasswordForm
from accounts.pages.throttled import throttled_response
from accounts.people import credentials, deletion, email_addresses, profile
from tokens import cookies
from tokens.pages import Page, page
from tokens.permissions import StepUpRequired
from tokens.scopes import SCOPES, VERIFIED_SCOPES
from tokens.user import current_user

ELSEWHERE = "You are logged out everywhere else."
LINK_SENT = "We have sent a link to your new address. Until you confirm it there, the old one stays in force."


class Change(NamedTuple):
    """A page with one form: its name, what is done with the form, and what is said then."""

    name: str
    form_class: type[forms.Form]
    apply: Callable[..., None]
    done: str


@page({"GET": "account"})
def account(request: HttpRequest) -> HttpResponse:
    """What there is about oneself, as cards."""
    user = own_account(request)
    cards = [(f"{ACCOUNT}{card.path}", card, card.describe(user)) for card in CARDS]
    return render(request, "accounts/account.html", {"account": user, "cards": cards})


def own_account(request: HttpRequest) -> User:
    """Whoever asks; 404 if they are gone or were disabled a moment ago."""
    return get_object_or_404(User, pk=current_user(request).sub, is_active=True)


@page({"GET": "account"})
def rights(request: HttpRequest) -> HttpResponse:
    """Roles and rights as the token carries them."""
    caller = current_user(request)
    rights = [meaning for scope, meaning in SCOPES.items() if caller.may(scope)]
    withheld = [(SCOPES[scope], scope in VERIFIED_SCOPES) for scope in sorted(caller.withheld & SCOPES.keys())]
    context = {"roles": caller.token["roles"], "rights": rights, "withheld": withheld}
    return render(request, "accounts/account/rights.html", context)


def change_page(change: Change) -> Page:
    """The page that shows a form and makes its change."""

    @page({"GET": "account", "POST": "account"})
    def view(request: HttpRequest) -> HttpResponse:
        user = own_account(request)
        if change is not NAME:
            check_proven(request, user)
        return make_change(request, user, change) if request.method == "POST" else show(request, user, change)

    return view


def check_proven(request: HttpRequest, user: User) -> None:
    """Send who has two factors on to prove them, if that is long ago."""
    try:
        check_strongest(user, by=current_user(request))
    except NotRecent as error:
        raise StepUpRequired(error.acr_values, error.max_age) from error


def show(request: HttpRequest, user: User, change: Change, form: forms.Form | None = None) -> HttpResponse:
    """The form, filled in as it was sent; 400 where that is wrong."""
    shown = form or change.form_class(initial={"name": user.name})
    context = {"account": user, "form": shown}
    return render(request, f"accounts/account/{change.name}.html", context, status=400 if form else 200)


def make_change(request: HttpRequest, user: User, change: Change) -> HttpResponse:
    """Make a change and say so, on the account page or, after a deletion, on the home page; else say what is wrong."""
    form = change.form_class(request.POST)
    try:
        if form.is_valid():
            change.apply(user, by=current_user(request), **form.cleaned_data)
    except ValidationError as error:
        form.add_error(None, error)
    except TooManyFailures as error:
        return throttled_response(form, error, lambda: show(request, user, change, form))
    if form.errors:
        return show(request, user, change, form)

    messages.success(request, change.done)
    return cookies.clear_tokens(HttpResponseRedirect("/")) if change is DELETION else HttpResponseRedirect(ACCOUNT)


NAME = Change("name", NameForm, profile.rename, "Your name is changed.")
EMAIL = Change("email", EmailForm, email_addresses.change_email, LINK_SENT)
PASSWORD = Change("password", PasswordForm, credentials.change_password, f"Your password is changed. {ELSEWHERE}")
DELETION = Change("delete", DeletionForm, deletion.delete_own, "Your account is deleted.")

change_name, change_email, change_password, delete_account = map(change_page, (NAME, EMAIL, PASSWORD, DELETION))
