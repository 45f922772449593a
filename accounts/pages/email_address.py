"""Confirming an e-mail address: the page that a person without a confirmed one is sent to, and the mailed link's."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.encoding import force_str
from django.utils.http import urlsafe_base64_decode
from django.views.decorators.http import require_http_methods

from accounts.login.throttling import TooManyFailures
from accounts.models import User
from accounts.pages import kept_forms
from accounts.pages.account import own_account
from accounts.pages.login import end_session, next_path, send_again
from accounts.people import email_addresses
from accounts.people.credentials import EmailTaken
from accounts.people.email_addresses import LinkRefused
from accounts.people.links import email_tokens
from tokens import cookies
from tokens.pages import RENEW, VERIFY_EMAIL, TemporaryRedirect, log_in_again, page, renew_first, with_next
from tokens.permissions import OPEN
from tokens.user import current_user
from wire.text import read_id

WAITING = "waiting"
"""The key of the browser's session that holds what a person wanted to do. The mail has none of it, since a stranger may
have chosen that text."""
MAX_PATH, MAX_KEPT = 500, 1500
"""Characters that a session, which is a cookie, has room for. A longer form is kept in the page alone."""


@page({"GET": "account", "POST": "account"}, query=["next"])
def confirm_first(request: HttpRequest) -> HttpResponse:
    """Say that an address is to be confirmed, mail the link again, or go on once it is confirmed.

    A form that was sent elsewhere meanwhile comes here, is kept in the page, and given back.
    """
    user = own_account(request)
    step = request.POST.get("step", "")
    if step == "send":
        return send_link(request, user)
    if step == "keep":
        return keep_address(request, user)
    if user.email_verified_at:
        return go_on(request)

    return show_page(request, user, is_early=step == "go on")


def show_page(request: HttpRequest, user: User, **context: Any) -> HttpResponse:
    """The page; it, and the browser's session for the link's own, know what is waiting."""
    kept, path = read_kept(request), next_path(request)
    if len(path) <= MAX_PATH:
        request.session[WAITING] = [path, kept if len(kept) <= MAX_KEPT else ""]
    context |= {"to": email_addresses.address_to_confirm(user), "is_mailed": email_addresses.is_mailed(user)}
    return render(request, "accounts/confirm_first.html", {"kept": kept, **context})


def read_kept(request: HttpRequest) -> str:
    """The form that is waiting: kept by the page before, or just sent."""
    return request.POST["kept"] if "kept" in request.POST else kept_forms.keep(request)


def send_link(request: HttpRequest, user: User) -> HttpResponse:
    """Mail the link again, if it is still needed and not asked for too often: 429 (RFC 6585 4)."""
    try:
        is_sent = email_addresses.send_again(user)
    except TooManyFailures as error:
        response = show_page(request, user, wait=error.retry_after)
        response.status_code = 429
        response["Retry-After"] = str(error.retry_after)
        return response

    if user.email_verified_at:
        text = f"We have sent the link to {user.pending_email} again." if is_sent else "There is nothing to confirm."
        messages.info(request, text)
        return HttpResponseRedirect(next_path(request))
    return show_page(request, user, is_sent=is_sent)


def keep_address(request: HttpRequest, user: User) -> HttpResponse:
    """Take a change back that is not confirmed yet."""
    email_addresses.set_pending(user, "", by=current_user(request))
    messages.success(request, f"Your e-mail address stays {user.email}.")
    return HttpResponseRedirect(next_path(request))


def go_on(request: HttpRequest) -> HttpResponse:
    """Back to what a person wanted to do, with a token that says that their address is confirmed."""
    caller = current_user(request)
    if not caller.token.get("email_verified") and not cookies.were_renewed(request):
        return TemporaryRedirect(with_next(RENEW, request.get_full_path()))

    _, waiting = request.session.pop(WAITING, ["", ""])
    fields = kept_forms.open_kept(read_kept(request) or waiting, next_path(request), sub=caller.sub)
    why = "Your e-mail address is confirmed"
    return send_again(request, fields, why=why) if fields else HttpResponseRedirect(next_path(request))


@page(OPEN)
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, uidb64: str, token: str) -> HttpResponse:
    """The page of a mailed link: what only reads it, such as a mail scanner, uses nothing up."""
    if expired := renew_first(request):
        return expired

    user = find_user(uidb64)
    if not user or not email_tokens.check_token(user, token):
        return show_refused(request, user)
    if request.user.sub != user.sub:  # type: ignore[union-attr]
        return ask_owner(request)
    if request.method == "POST":
        return store(request, user, token)

    context = {"to": email_addresses.address_to_confirm(user), "is_change": bool(user.pending_email)}
    return render(request, "accounts/confirm_email.html", context)


def ask_owner(request: HttpRequest) -> HttpResponse:
    """Have whose link it is log in; somebody else who is logged in here is asked before that ends."""
    if request.method != "POST" and request.user.is_authenticated:
        return render(request, "accounts/link_of_another.html")

    end_session(request, reason="log-out")
    messages.info(request, "Log in to confirm the address.")
    return log_in_again(request, request.path)


def find_user(uidb64: str) -> User | None:
    """The user whose link it is; whatever a made-up one says is nobody."""
    try:
        key = read_id(force_str(urlsafe_base64_decode(uidb64)))
    except ValueError:
        return None
    return User.objects.filter(pk=key, is_active=True).first() if key else None


def show_refused(request: HttpRequest, user: User | None) -> HttpResponse:
    """That a link does not work; who opened it twice is told that all is well."""
    is_own = bool(user and request.user.sub == user.sub)  # type: ignore[union-attr]
    is_done = is_own and not email_addresses.address_to_confirm(user)  # type: ignore[arg-type]
    return render(request, "accounts/confirm_refused.html", {"is_done": is_done, "is_own": is_own})


def store(request: HttpRequest, user: User, token: str) -> HttpResponse:
    """Put the address in force, and have the browser's token say so."""
    # Who changes an address was on the account page; who has just registered was not.
    default = "/account/" if user.pending_email else "/"
    try:
        email_addresses.confirm(user, token, by=current_user(request))
    except LinkRefused:
        return show_refused(request, user)
    except EmailTaken:
        messages.error(request, "Somebody else has this e-mail address by now.")
        return HttpResponseRedirect("/account/")

    messages.success(request, f"Your e-mail address {user.email} is confirmed.")
    path, kept = request.session.get(WAITING, [default, ""])
    return HttpResponseRedirect(with_next(RENEW, with_next(VERIFY_EMAIL, path) if kept else path))
