"""The page on which somebody who is logged in proves again who they are, and goes on with the form that waits."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from accounts.factors import codes, two_steps
from accounts.factors.challenges import FactorRefused
from accounts.login import sessions
from accounts.login.throttling import TooManyFailures
from accounts.models import User
from accounts.pages import kept_forms
from accounts.pages.account import own_account
from accounts.pages.forms import StepUpForm
from accounts.pages.login import next_path, origin_of, send_again
from accounts.pages.throttled import throttled_response
from accounts.people import credentials
from tokens import cookies
from tokens.errors import TokenRefused
from tokens.pages import page, redirect_to_login
from tokens.user import current_user


@page({"GET": "account", "POST": "account"}, query=["next", "acr", "max_age"])
def step_up(request: HttpRequest) -> HttpResponse:
    """Ask again who is there, and go on to `next`. A form that comes along is kept meanwhile."""
    user, is_answer = own_account(request), StepUpForm.is_in(request.POST)
    came_back = not is_answer and StepUpForm.KEPT in request.POST
    kept = request.POST[StepUpForm.KEPT] if came_back else "" if is_answer else kept_forms.keep(request)
    if came_back and has_two_factors(request):
        return go_on(request, kept=kept)

    form = StepUpForm(user, request.POST) if is_answer else StepUpForm(user, initial={"kept": kept})
    try:
        if is_answer and form.is_valid():
            tokens = prove(request, user, form.cleaned_data)
            response = go_on(request, kept=form.cleaned_data["kept"])
            return cookies.set_tokens(response, access=tokens.access, refresh=tokens.refresh)
    except ValidationError as error:
        form.add_error(None, error)
    except FactorRefused as error:
        form.add_error(None if form.cleaned_data["credential"] else "code", str(error))
    except TokenRefused:
        return redirect_to_login(request)
    except TooManyFailures as error:
        return throttled_response(form, error, lambda: show(request, user, form))
    return show(request, user, form)


def prove(request: HttpRequest, user: User, given: dict[str, Any]) -> sessions.TokenPair:
    """The tokens of a session whose person proved again who they are, with two factors if they have two.

    Raises `WrongPassword`, `FactorRefused`, `TooManyFailures`, or `TokenRefused` if the session is over.
    """
    caller, origin = current_user(request), origin_of(request)
    if given["credential"]:
        return two_steps.step_up_by_passkey(user, given["credential"], origin, by=caller)

    credentials.check_current(user, given["current_password"])
    method = f"pwd {codes.verify_code(user, given['code'], address=origin.address)} mfa" if "code" in given else "pwd"
    return sessions.step_up(caller.sid, method, by=caller)


def has_two_factors(request: HttpRequest) -> bool:
    """Whether whoever was sent to add a second factor has done so."""
    return current_user(request).token.get("acr") == "aal2"


def go_on(request: HttpRequest, *, kept: str) -> HttpResponse:
    """On to `next`; a form that waited is shown, to be sent now."""
    fields = kept_forms.open_kept(kept, next_path(request), sub=current_user(request).sub)
    if fields:
        return send_again(request, fields, why="Now you can go on")
    return HttpResponseRedirect(next_path(request))


def show(request: HttpRequest, user: User, form: StepUpForm) -> HttpResponse:
    """The page that asks; whoever is asked for two factors and has one is led to add another."""
    if request.GET.get("acr") == "aal2" and not user.has_second_factor:
        return render(request, "accounts/add_factor.html", {"kept": form["kept"].value() or ""})

    options = two_steps.step_up_options(user, by=current_user(request)) if user.has_second_factor else ""
    context = {"account": user, "form": form, "passkey_options": options}
    return render(request, "accounts/step_up.html", context, status=400 if form.errors else 200)
