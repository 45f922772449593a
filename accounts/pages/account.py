"""The account page: who one is, where one is logged in, and what one may change of that."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render

from accounts.login import sessions, throttling
from accounts.models import User
from accounts.pages.forms import DeletionForm, EmailForm, PasswordForm, SessionForm
from accounts.people import registration
from tokens import cookies
from tokens.pages import page
from tokens.scopes import SCOPES
from tokens.user import TokenUser, current_user

HERE = "/account/"
FORMS: dict[str, type[forms.Form]] = {"password": PasswordForm, "email": EmailForm, "deletion": DeletionForm}
"""The forms of the page, each named by the `do` that it sends along."""


@page({"GET": "account", "POST": "account"})
def account(request: HttpRequest) -> HttpResponse:
    """Show oneself, or do what one of the page's forms asks for."""
    user = get_object_or_404(User, pk=current_user(request).sub, is_active=True)
    do = request.POST.get("do", "password") if request.method == "POST" else ""
    if do in ENDINGS:
        return end(request, do)

    if do not in FORMS:
        return show(request, user, {})

    filled = FORMS[do](request.POST)
    try:
        done = filled.is_valid() and carry_out(request, user, do, filled)
    except throttling.TooManyFailures as error:
        return put_off(request, user, {do: filled}, error.retry_after)
    return leave(request, do) if done else show(request, user, {do: filled})


def put_off(request: HttpRequest, user: User, filled: dict[str, forms.Form], seconds: int) -> HttpResponse:
    """The page for who guessed at the password too often: 429, and when to come back."""
    for form in filled.values():
        form.add_error("current_password", f"Too many failed attempts. Wait {seconds} seconds, then try again.")
    response = show(request, user, filled)
    response.status_code = 429
    response["Retry-After"] = str(seconds)
    return response


def show(request: HttpRequest, user: User, filled: dict[str, forms.Form]) -> HttpResponse:
    """The page, with one form filled in as it was sent; 400 where that is wrong."""
    caller = current_user(request)
    shown = {f"{name}_form": filled.get(name) or kind(auto_id=f"{name}_%s") for name, kind in FORMS.items()}
    context = {
        "account": user,
        "sessions": sessions.living(caller.sub),
        "current": caller.sid,
        **shown,
        **write_rights(caller),
    }
    return render(request, "accounts/account.html", context, status=400 if filled else 200)


def write_rights(caller: TokenUser) -> dict[str, Any]:
    """Roles and rights in words, as the token carries them."""
    rights = [words for scope, words in SCOPES.items() if caller.may(scope)]
    return {"roles": caller.token["roles"], "rights": rights}


def carry_out(request: HttpRequest, user: User, do: str, form: forms.Form) -> bool:
    """Whether it was done; if not, the form says why. Raises `TooManyFailures`."""
    try:
        DEEDS[do](user, current_user(request), **form.cleaned_data)
    except registration.WrongPassword:
        form.add_error("current_password", "That is not your password.")
    except registration.EmailTaken:
        form.add_error("email", "That e-mail address is taken.")
    except ValidationError as error:
        form.add_error("email" if "email" in form.fields else "new_password", ValidationError(error.messages))
    return form.is_valid()


def set_password(user: User, by: TokenUser, *, current_password: str, new_password: str) -> None:
    registration.change_password(user, current_password, new_password, sid=by.sid, by=by)


def set_email(user: User, by: TokenUser, *, current_password: str, email: str) -> None:
    registration.change_email(user, current_password, email, sid=by.sid, by=by)


def delete(user: User, by: TokenUser, *, current_password: str) -> None:
    registration.delete_self(user, current_password, by=by)


DEEDS: dict[str, Callable[..., None]] = {"password": set_password, "email": set_email, "deletion": delete}
WORDS = {
    "password": "Your password is changed. You are logged out everywhere else.",
    "email": "Your e-mail address is changed. You are logged out everywhere else.",
    "deletion": "Your account is deleted.",
}


def leave(request: HttpRequest, do: str) -> HttpResponse:
    """Say what was done, on the page; or at the front door, if nobody is left."""
    messages.success(request, WORDS[do])
    if do != "deletion":
        return HttpResponseRedirect(HERE)

    response = HttpResponseRedirect("/")
    cookies.clear_tokens(response)
    return response


ENDINGS = ("end", "end-others")


def end(request: HttpRequest, do: str) -> HttpResponse:
    """End one of one's sessions, or all but this one."""
    by, form = current_user(request), SessionForm(request.POST)
    found = sessions.others(by.sub, by.sid)
    if do == "end":
        found = found.filter(pk=form.cleaned_data["sid"]) if form.is_valid() else found.none()
    ended = sessions.end(found, reason="log-out", by=by)
    messages.success(request, f"{ended} session{'' if ended == 1 else 's'} ended.")
    return HttpResponseRedirect(HERE)
