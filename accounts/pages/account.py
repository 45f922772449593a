"""The account page: a person's data and sessions, and the forms that change them."""

from collections.abc import Callable

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render

from accounts.login import sessions
from accounts.login.throttling import TooManyFailures
from accounts.models import Session, User
from accounts.pages.forms import DeletionForm, EmailForm, PasswordForm, SessionForm
from accounts.pages.throttled import throttled_response
from accounts.people import credentials, deletion
from accounts.people.credentials import InvalidField
from tokens import cookies
from tokens.pages import page
from tokens.scopes import SCOPES
from tokens.user import current_user

ACCOUNT = "/account/"
ELSEWHERE = "You are logged out everywhere else."
CHANGES: dict[str, tuple[type[forms.Form], Callable[..., None], str]] = {
    "password": (PasswordForm, credentials.change_password, "Your password is changed. " + ELSEWHERE),
    "email": (EmailForm, credentials.change_email, "Your e-mail address is changed. " + ELSEWHERE),
    "deletion": (DeletionForm, deletion.delete_own, "Your account is deleted."),
}
"""By the `do` that a form of the page sends along: that form, what is done with it, and what is said then."""


@page({"GET": "account", "POST": "account"})
def account(request: HttpRequest) -> HttpResponse:
    """Show the account, or do what one of the page's forms asks for."""
    user = get_object_or_404(User, pk=current_user(request).sub, is_active=True)
    action = request.POST.get("do", "password") if request.method == "POST" else ""
    if action in ("end", "end-others"):
        return end_sessions(request, action)

    return change_account(request, user, action) if action in CHANGES else show_account(request, user, {})


def change_account(request: HttpRequest, user: User, action: str) -> HttpResponse:
    """Make a change and say so, on the page or, after a deletion, on the home page; else show what is wrong with it."""
    form_class, change, done = CHANGES[action]
    form = form_class(request.POST)
    try:
        if form.is_valid():
            change(user, by=current_user(request), **form.cleaned_data)
    except InvalidField as error:
        form.add_error(None, error)
    except TooManyFailures as error:
        return throttled_response(form, error, lambda: show_account(request, user, {action: form}))
    if form.errors:
        return show_account(request, user, {action: form})

    messages.success(request, done)
    return cookies.clear_tokens(HttpResponseRedirect("/")) if action == "deletion" else HttpResponseRedirect(ACCOUNT)


def show_account(request: HttpRequest, user: User, filled: dict[str, forms.Form]) -> HttpResponse:
    """The page, with one form filled in as it was sent; 400 where that is wrong."""
    caller = current_user(request)
    shown = {f"{name}_form": filled.get(name) or change[0](auto_id=f"{name}_%s") for name, change in CHANGES.items()}
    context = {
        "account": user,
        "sessions": Session.objects.of_user(caller.sub).alive().unexpired().order_by("-rotated_at"),
        "current": caller.sid,
        # Roles and rights as the token carries them.
        "roles": caller.token["roles"],
        "rights": [meaning for scope, meaning in SCOPES.items() if caller.may(scope)],
        **shown,
    }
    return render(request, "accounts/account.html", context, status=400 if filled else 200)


def end_sessions(request: HttpRequest, action: str) -> HttpResponse:
    """End one of the caller's other sessions, or all of them."""
    caller, form = current_user(request), SessionForm(request.POST)
    found = Session.objects.of_user(caller.sub, but=caller.sid)
    if action == "end":
        found = found.filter(pk=form.cleaned_data["sid"]) if form.is_valid() else found.none()
    ended = sessions.end(found, reason="log-out", by=caller)
    messages.success(request, f"{ended} session{'' if ended == 1 else 's'} ended.")
    return HttpResponseRedirect(ACCOUNT)
