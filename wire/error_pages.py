"""One page for every error, in plain words and with the request id."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import REASON_NO_CSRF_COOKIE
from django.shortcuts import render
from structlog.contextvars import bind_contextvars

from tokens.errors import IssuerUnavailable
from tokens.pages import local_path
from wire.request_id import request_id

STALE = (
    "This form is out of date",
    "It was open while you logged in or out, or it came from elsewhere. Nothing was done. Open it again.",
)
NO_COOKIE = (
    "Your browser sent no cookie",
    "Without it the shop cannot tell that this form is yours. Nothing was done. Let your browser keep the cookies of "
    "this shop, and open it again.",
)
TEXTS = {
    400: ("That request could not be read", "Something in the address or the form is wrong."),
    403: ("You have no access to this", "Your account does not have the rights for this page."),
    404: ("There is nothing here", "The page does not exist, or it is not yours."),
    405: ("That cannot be done here", "This page does not accept that kind of request."),
    408: ("That took too long", "The form did not arrive in time. Send it again."),
    409: ("This page is out of date", "Something has changed since the page was loaded. Load it again and retry."),
    412: ("This page is out of date", "Somebody changed it since the page was loaded. Load it again and retry."),
    413: ("The form is too large", "It is larger than the shop accepts."),
    429: ("Too many attempts", "Wait a moment and try again."),
    500: ("Something went wrong here", "It is our fault, and we have recorded it."),
    503: ("Not right now", "A part of the shop cannot be reached. Try again in a moment."),
}


def error_page(
    request: HttpRequest, status: int, reason: str = "", title: str = "", errors: Mapping[str, Any] | None = None
) -> HttpResponse:
    """The page for a status; `reason` replaces its usual explanation, `title` serves where it has no text.

    `errors` are what is wrong, by parameter or field.
    """
    usual, explanation = TEXTS.get(status) or (TEXTS[500] if status >= 500 else (title, reason))
    # The address without its query is what a reader is offered where the query was the reason.
    is_read = request.method in ("GET", "HEAD")
    context = {
        "title": usual,
        "explanation": reason or explanation,
        "errors": errors or {},
        "again": request.path if status == 400 and is_read and request.META.get("QUERY_STRING") else "",
        "retry": request.get_full_path() if status == 503 and is_read else "",
    }
    return write_page(request, status, context)


def write_page(request: HttpRequest, status: int, context: Mapping[str, Any]) -> HttpResponse:
    common = {"status": status, "knows_who": knows_who(request), "request_id": request_id()}
    response = render(request, "error.html", {**common, **context}, status=status)
    response["Cache-Control"] = "private, no-store"
    return response


def knows_who(request: HttpRequest) -> bool:
    """Whether it can be said who is there, or that nobody is: finding out may be what failed."""
    try:
        return hasattr(request, "user") and request.user.is_authenticated is not None
    except (IssuerUnavailable, DatabaseError):
        return False


def error_handler(status: int) -> Callable[..., HttpResponse]:
    """Django's handler of a status, as `handler404` names one."""

    def answer(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
        if exception:
            bind_contextvars(reason=type(exception).__name__)
        return error_page(request, status)

    return answer


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The page for a form without the token of its browser: mostly one that stood open while somebody logged in."""
    bind_contextvars(reason=reason)
    back = local_path(read_referer(request))
    title, explanation = NO_COOKIE if reason == REASON_NO_CSRF_COOKIE else STALE
    return write_page(request, 403, {"title": title, "explanation": explanation, "back": back})


def read_referer(request: HttpRequest) -> str:
    """The path of the page that a form stood on; empty where the browser named none, or what cannot be read."""
    try:
        return urlsplit(request.headers.get("Referer", "")).path
    except ValueError:
        return ""


def answer_page(request: HttpRequest, problem: dict[str, Any], headers: dict[str, str]) -> HttpResponse:
    """The page for an error that the API answers as a problem."""
    status = problem["status"]
    reason = problem["detail"] if status == 503 or status not in TEXTS or problem.get("code") == "no-tls" else ""
    response = error_page(request, status, reason, problem["title"], problem.get("errors"))
    for name, value in headers.items():
        response[name] = value
    return response
