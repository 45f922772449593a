"""How a log line looks, the same in every service, and the one line that each request leaves."""

import re
import sys
from collections.abc import Callable, Iterator
from typing import Any, cast

import structlog
from django.core.signals import got_request_exception
from django.dispatch import receiver
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from structlog.contextvars import bind_contextvars, clear_contextvars, get_contextvars

PROCESSORS: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]
SECRET = re.compile(r"^/+password-reset/+[^/]+/+.+", re.DOTALL)
"""The path of a link by mail, which opens an account until it was used."""


LEVELS = {4: "warning", 5: "error"}
Handler = Callable[[HttpRequest], HttpResponseBase]

logger = structlog.get_logger(__name__)


class LogMiddleware:
    """Log a request once: when it is answered, or, of a file that is streamed, when it is sent."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        clear_contextvars()
        bind_contextvars(request_id=request.META["HTTP_X_REQUEST_ID"], ip=request.META.get("REMOTE_ADDR", ""))
        response = self.get_response(request)
        if isinstance(response, StreamingHttpResponse):
            content = cast(Iterator[bytes], response.streaming_content)
            response.streaming_content = log_when_sent(request, response.status_code, content, get_contextvars())
        else:
            log_request(request, response.status_code)
        clear_contextvars()
        return response


def log_request(request: HttpRequest, status: int, **facts: Any) -> None:
    """Write the line of a request; the context says who asked, and why that was refused, where it is known."""
    log = getattr(logger, LEVELS.get(status // 100, "info"))
    log("request_finished", code=status, request=describe_request(request), **facts)


def log_when_sent(
    request: HttpRequest, status: int, content: Iterator[bytes], context: dict[str, Any]
) -> Iterator[bytes]:
    """Hand on what is streamed, then write the line; a stream that breaks off is an error."""
    try:
        yield from content
    except Exception as error:
        log_request(request, 500, **context, exc_info=error)
        raise
    log_request(request, status, **context)


def describe_request(request: HttpRequest) -> str:
    """Method and path; what follows the path, or is a key to an account, is nobody's to read in a log."""
    return f"{request.method} {SECRET.sub('/password-reset/***/', request.path)}"


@receiver(got_request_exception)
def remember_error(**_: Any) -> None:
    """Have the line of the request say what nobody expected."""
    bind_contextvars(exc_info=sys.exc_info()[1])
