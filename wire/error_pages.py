"""One page for every error, in plain words and with the request id."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from structlog.contextvars import bind_contextvars

from wire.request_id import request_id

TEXTS = {
    400: ("That request could not be read", "Something in the address or the form is wrong."),
    403: ("You have no access to this", "Your account does not have the rights for this page."),
    404: ("There is nothing here", "The page does not exist, or it is not yours."),
    405: ("That cannot be done here", "This page does not accept that kind of request."),
    409: ("This page is out of date", "Something has changed since the page was loaded. Load it again and retry."),
    412: ("This page is out of date", "Somebody changed it since the page was loaded. Load it again and retry."),
    413: ("The form is too large", "It is larger than the shop accepts."),
    429: ("Too many attempts", "Wait a moment and try again."),
    500: ("Something went wrong here", "It is our fault, and we have recorded it."),
    503: ("Not right now", "A part of the shop cannot be reached. Try again in a moment."),
}


def error_page(request: HttpRequest, status: int, reason: str = "", title: str = "") -> HttpResponse:
    """The page for a status; `reason` replaces its usual explanation, `title` serves where it has no text."""
    usual, explanation = TEXTS.get(status) or (TEXTS[500] if status >= 500 else (title, reason))
    context = {"status": status, "title": usual, "explanation": reason or explanation, "request_id": request_id()}
    response = render(request, "error.html", context, status=status)
    response["Cache-Control"] = "private, no-store"
    return response


def error_handler(status: int) -> Callable[..., HttpResponse]:
    """Django's handler of a status, as `handler404` names one."""

    def answer(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
        if exception:
            bind_contextvars(reason=type(exception).__name__)
        return error_page(request, status)

    return answer


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    bind_contextvars(reason=reason)
    return error_page(request, 403, "The form is too old or came from elsewhere. Load the page again and retry.")


def answer_page(request: HttpRequest, problem: dict[str, Any], headers: dict[str, str]) -> HttpResponse:
    """The page for an error that the API answers as a problem."""
    status = problem["status"]
    reason = problem["detail"] if status == 503 or status not in TEXTS else ""
    response = error_page(request, status, reason, problem["title"])
    for name, value in headers.items():
        response[name] = value
    return response
