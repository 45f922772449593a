"""The request id: in every log line, every problem, every event."""

import re
import uuid
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse

Handler = Callable[[HttpRequest], HttpResponse]
REQUEST_ID = re.compile(r"[A-Za-z0-9._:+/=-]{1,64}", re.ASCII)
"""What may stand in logs and rows."""


def request_id() -> str:
    """The id of the request under way; empty outside one."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))


class RequestIdMiddleware:
    """Answer with the id of the request: its caller's `X-Request-ID` if it is a plain word, else a new one."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        name = request.META.get("HTTP_X_REQUEST_ID", "")
        if not REQUEST_ID.fullmatch(name):
            name = str(uuid.uuid4())
        request.META["HTTP_X_REQUEST_ID"] = name
        response = self.get_response(request)
        response["X-Request-ID"] = name
        return response
