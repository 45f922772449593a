"""Where apps send people: to log in, to be asked, and back with a code (RFC 6749 4.1, OpenID Connect Core 3.1.2)."""

from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from accounts.login import sessions
from accounts.models import Session
from accounts.models.sessions import session_by_id
from accounts.oauth import app_scopes, authorization, codes, consents, parameters
from accounts.oauth.app_scopes import Access, InvalidScope
from accounts.oauth.authorization import AuthorizationRefused, AuthorizationRequest, Return, UnknownApp
from accounts.pages.login import AUTHORIZE, BROWSER, end_session
from database import clock
from tokens import cookies
from tokens.pages import LOG_IN, STEP_UP, log_in_again, page, renew_first, with_next
from tokens.permissions import OPEN
from tokens.user import current_user
from wire.api.problems import READ_ONLY, Problem
from wire.error_pages import write_page

ASKED_AT = "asked_at"
"""A parameter of our own: since when the person has to have proven anew who they are, signed."""
SALT = "tessera.asked-at"
LONGEST_PROOF = 3600
"""Seconds that somebody may take to prove it."""


class Visit(NamedTuple):
    """Somebody whom an app sent here: what it asks for, where they go back to, and their session, if any."""

    request: HttpRequest
    back: Return
    asked: AuthorizationRequest
    session: Session | None

    @property
    def is_silent(self) -> bool:
        return "none" in self.asked.prompts


Act = Callable[[Visit], HttpResponse]


@page(OPEN, query=None)
@require_http_methods(["GET", "POST"])
def authorize(request: HttpRequest) -> HttpResponse:
    """Give an app a code for somebody, who logs in and is asked first, where that is needed."""
    if request.method == "POST":
        # What a form says is taken as if it stood in the address, so that nothing is done by it.
        return HttpResponse(status=303, headers={"Location": f"{AUTHORIZE}?{request.POST.urlencode()}"})
    if "accounts" in settings.READ_ONLY:
        raise Problem(READ_ONLY)

    return renew_first(request) or answer(request, decide)


# A form of an app has no token of ours, and does nothing.
authorize.csrf_exempt = True  # type: ignore[attr-defined]
authorize.max_body = parameters.MAX_FORM  # type: ignore[attr-defined]


@page(OPEN, query=None)
@require_http_methods(["POST"])
def consent(request: HttpRequest) -> HttpResponse:
    """What somebody said to the question that stands on the page of the same request."""
    if request.POST.get("decision") == "other":
        end_session(request, reason="log-out")
        return cookies.clear_tokens(HttpResponseRedirect(with_next(LOG_IN, address_of(request.GET))))

    return answer(request, take_decision)


def answer(request: HttpRequest, act: Act) -> HttpResponse:
    """Read a request and act on it; what is wrong with it the app is told, or else whoever was sent here."""
    request.GET = parameters.given(request.GET)  # type: ignore[assignment]
    try:
        back = authorization.read_return(request.GET)
    except UnknownApp as error:
        return write_page(request, 400, {"title": "This app cannot log you in here", "explanation": str(error)})

    try:
        asked = authorization.read_request(back.app, without_ours(request.GET))
        return act(Visit(request, back, asked, find_session(request)))
    except AuthorizationRefused as error:
        return send_back(request, back, back.refuse(error))


def decide(visit: Visit) -> HttpResponse:
    """Have somebody prove who they are, ask them, or send them back with a code."""
    session = visit.session
    if not session or is_someone_else(visit.asked, session) or not is_proven(visit, session):
        return ask_who(visit)

    # Before the person's rights are read: an app that they did not let in learns nothing of these.
    if visit.is_silent and is_consent_needed(visit, session, visit.asked.access):
        raise AuthorizationRefused("consent_required", "The person has to be asked.")

    access = bound(visit, session)
    if visit.asked.prompts & {"consent", "select_account"} or is_consent_needed(visit, session, access):
        return ask_consent(visit, session, access)
    return give(visit, session, access)


def take_decision(visit: Visit) -> HttpResponse:
    """Do as somebody decided about what the page has shown; who has to prove first who they are is sent round again."""
    if visit.request.POST.get("decision") != "allow":
        raise AuthorizationRefused("access_denied", "The person did not allow it.")

    session = visit.session
    if not session or is_someone_else(visit.asked, session) or not is_proven(visit, session):
        return HttpResponse(status=303, headers={"Location": address_of(visit.request.GET)})

    access = bound(visit, session)
    if not {*access.scopes} <= {*visit.request.POST.get("shown", "").split()}:
        # By now the app may ask for more, or the person may do more, than the page said.
        return ask_consent(visit, session, access)
    return give(visit, session, access)


def find_session(request: HttpRequest) -> Session | None:
    """The living session of a browser. No other will do: an app's token in a cookie must not allow the app more."""
    caller = current_user(request)
    if not caller.is_authenticated or caller.client_id != BROWSER:
        return None

    session = session_by_id.first(session_id=UUID(caller.sid))
    return session if session and sessions.goes_on(session) else None


def is_someone_else(asked: AuthorizationRequest, session: Session) -> bool:
    """Whether the app means another person."""
    return asked.meant not in ("", session.user.sub)


def is_consent_needed(visit: Visit, session: Session, wanted: Access) -> bool:
    return consents.is_needed(session.user, visit.back.app, wanted, redirect_uri=visit.back.address)


def is_proven(visit: Visit, session: Session) -> bool:
    """Whether it is as sure, and as fresh, who is there as the app wants it (RFC 9470)."""
    asked, was_asked = visit.asked, has_proven_since(visit, session)
    if wants_two_factors(asked) and session.acr != "aal2":
        if was_asked:
            raise AuthorizationRefused("unmet_authentication_requirements", "The person has no second factor.")
        return False
    if not wants_fresh(asked) or was_asked:
        return True

    age = clock.time() - session.proven_at.timestamp()
    return "login" not in asked.prompts and asked.max_age is not None and age <= asked.max_age


def wants_two_factors(asked: AuthorizationRequest) -> bool:
    """Whether nothing less will do. What nobody knows is passed over."""
    return "aal2" in asked.acr_values and "aal1" not in asked.acr_values


def wants_fresh(asked: AuthorizationRequest) -> bool:
    return "login" in asked.prompts or asked.max_age is not None


def has_proven_since(visit: Visit, session: Session) -> bool:
    """Whether the person has proven who they are since they were asked to for this very request."""
    try:
        challenge, at = signing.loads(visit.request.GET.get(ASKED_AT, ""), salt=SALT, max_age=LONGEST_PROOF)
    except signing.BadSignature:
        return False
    return bool(challenge == visit.asked.challenge and session.proven_at.timestamp() >= at)


def ask_who(visit: Visit) -> HttpResponse:
    """Have somebody log in, or prove again who they are, and come back."""
    asked, session = visit.asked, visit.session
    if visit.is_silent:
        raise AuthorizationRefused("login_required", "The person has to log in, or to prove again who they are.")

    query = without_ours(visit.request.GET)
    if wants_fresh(asked) or wants_two_factors(asked):
        query[ASKED_AT] = signing.dumps([asked.challenge, int(clock.time())], salt=SALT)
    if not session:
        return log_in_again(visit.request, address_of(query))
    if is_someone_else(asked, session):
        return show_question(visit, "accounts/somebody_else.html", query, account=session.user)

    wanted = "&acr=aal2" if wants_two_factors(asked) else ""
    return HttpResponseRedirect(with_next(STEP_UP, address_of(query)) + wanted)


def bound(visit: Visit, session: Session) -> Access:
    """What the person can let the app do."""
    try:
        return app_scopes.persons_access(session.user, visit.asked.access)
    except InvalidScope as error:
        raise AuthorizationRefused("access_denied", "The person may do none of this.") from error


def give(visit: Visit, session: Session, access: Access) -> HttpResponse:
    """Send somebody back with a code for what they let the app do."""
    consents.remember(session.user, visit.back.app, access, by=current_user(visit.request))
    code = codes.give_code(session, visit.back, asked=visit.asked, given=access)
    return send_back(visit.request, visit.back, visit.back.write(code=code))


def ask_consent(visit: Visit, session: Session, access: Access) -> HttpResponse:
    """The page that says what the app is and what it wants."""
    said = {"rights": app_scopes.in_words(access.scopes), "shown": " ".join(access.scopes)}
    return show_question(visit, "accounts/consent.html", visit.request.GET, account=session.user, **said)


def show_question(visit: Visit, template: str, query: QueryDict, **context: object) -> HttpResponse:
    """A page whose form decides on an app's request, which goes on as `query`."""
    address = visit.back.address
    said = {"app": visit.back.app, "site": site_of(address), "target": f"/oauth/consent?{query.urlencode()}"}
    response = render(visit.request, template, {**said, **context})
    # A form's answer may send a browser on only where the page says so.
    response._csp_update = {"form-action": [source_of(address)]}  # type: ignore[attr-defined]
    return response


def send_back(request: HttpRequest, back: Return, address: str) -> HttpResponse:
    """Send a browser to the app.

    One that has just sent a form of ours, such as the log-in, would not follow a redirect to another site, which the
    page of that form does not name: it is given a page that goes on by itself.
    """
    if request.method == "GET" and request.headers.get("Sec-Fetch-Site") == "same-origin":
        return render(request, "accounts/back_to_app.html", {"app": back.app, "address": address})

    return HttpResponse(status=303, headers={"Location": address})


def site_of(address: str) -> str:
    """Where an address leads, for people to read."""
    parts = urlsplit(address)
    return parts.netloc if is_web(parts) else f"an app on this device ({parts.scheme})"


def source_of(address: str) -> str:
    """An address as a source of a Content-Security-Policy, which knows no IPv6."""
    parts = urlsplit(address)
    is_named = is_web(parts) and not parts.netloc.startswith("[")
    return f"{parts.scheme}://{parts.netloc}" if is_named else f"{parts.scheme}:"


def is_web(parts: SplitResult) -> bool:
    """Whether a host answers at an address; in a scheme of an app's own what looks like one is none."""
    return parts.scheme in ("http", "https")


def without_ours(query: QueryDict) -> QueryDict:
    """What the app said, without what we added."""
    said = query.copy()
    said.pop(ASKED_AT, None)
    return said


def address_of(query: QueryDict) -> str:
    return f"{AUTHORIZE}?{query.urlencode()}"
