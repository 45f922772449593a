"""The page of the account that shows which apps somebody lets in, and ends that."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from accounts.models import Client
from accounts.oauth import app_scopes, consents
from accounts.pages.cards import ACCOUNT
from tokens.pages import page
from tokens.user import current_user

PATH = f"{ACCOUNT}apps/"
OF_OTHERS = "and has to ask you before it is let in again."
OF_THE_SHOP = "and may be let in again without asking you: it is the shop's own."
MOST = 100
"""Apps that are shown: those that were let in last."""


@page({"GET": "account", "POST": "account"})
def apps(request: HttpRequest) -> HttpResponse:
    """Show the apps that the caller lets in, or end one."""
    return end(request) if request.method == "POST" else show(request)


def show(request: HttpRequest) -> HttpResponse:
    found = consents.of_user(current_user(request).sub)[:MOST]
    shown = [(consent, app_scopes.in_words(consent.scopes)) for consent in found]
    return render(request, "accounts/account/apps.html", {"apps": shown})


def end(request: HttpRequest) -> HttpResponse:
    """End what an app may do for the caller; its tokens are refused everywhere within seconds."""
    caller, app = current_user(request), request.POST.get("app", "").replace("\0", "")
    if consents.end_app(caller.sub, app, by=caller):
        is_own = Client.objects.filter(pk=app, is_first_party=True).exists()
        messages.success(request, f"The app is logged out, {OF_THE_SHOP if is_own else OF_OTHERS}")
    return HttpResponseRedirect(PATH)
