"""The page of the account that shows where somebody is logged in, and ends what should not go on."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from accounts.login import sessions
from accounts.models import Session
from accounts.pages.forms import SessionForm
from tokens.pages import page
from tokens.permissions import check_recent
from tokens.user import current_user
from wire.keyset import DEFAULT_LIMIT, Ordering, paginate
from wire.page_links import write_query

LATEST = Ordering("latest", ("rotated_at", "id"), descending=True)
SESSION_FIELDS = ("id", "client_id", "device", "address", "created_at", "rotated_at")


@page({"GET": "account", "POST": "account"}, query=["cursor"])
def own_sessions(request: HttpRequest) -> HttpResponse:
    """Show the caller's living sessions, or end what one of the page's buttons is about."""
    return end_sessions(request) if request.method == "POST" else show_sessions(request)


def show_sessions(request: HttpRequest) -> HttpResponse:
    caller = current_user(request)
    living = Session.objects.of_user(caller.sub).of_browsers().alive().unexpired().values(*SESSION_FIELDS)
    found = paginate(living, LATEST, cursor=request.GET.get("cursor"), limit=DEFAULT_LIMIT)
    context = {
        "current": caller.sid,
        "sessions": [Session(**row) for row in found.rows],
        "next": write_query(request, found.next),
        "previous": write_query(request, found.previous),
    }
    return render(request, "accounts/account/sessions.html", context)


def end_sessions(request: HttpRequest) -> HttpResponse:
    """End one of the caller's other sessions, or all of them."""
    caller, form = current_user(request), SessionForm(request.POST)
    check_recent(caller)
    found = Session.objects.of_user(caller.sub, but=caller.sid)
    if request.POST.get("do") != "end-others":
        found = found.filter(pk=form.cleaned_data["sid"]) if form.is_valid() else found.none()
    ended = sessions.end(found, reason="log-out", by=caller)
    messages.success(request, f"{ended} session{'' if ended == 1 else 's'} ended.")
    return HttpResponseRedirect("/account/sessions/")
