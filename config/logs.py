"""How a log line looks, the same in every service, and the one line that each request leaves."""

import os
import re
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, cast

import structlog
from django.core.signals import got_request_exception
from django.dispatch import receiver
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from structlog.contextvars import bind_contextvars, clear_contextvars, get_contextvars

from wire.text import show_plainly

PROCESSORS: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]
SECRET = re.compile(r"^/+(password-reset|account/+email/+verify)/+[^/]+/+.+", re.DOTALL)
"""The path of a link by mail, which opens an account until it was used."""


COLOURS = {2: "\033[32m", 3: "\033[36m", 4: "\033[33m", 5: "\033[31m"}
PLAIN = "\033[0m"
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
    path = SECRET.sub(r"/\1/***/", request.path)
    return f"{request.method} {path}"


@receiver(got_request_exception)
def remember_error(**_: Any) -> None:
    """Have the line of the request say what nobody expected."""
    bind_contextvars(exc_info=sys.exc_info()[1])


class Console:
    """Lines for a person who develops: one for a request, the status in front; anything else as structlog has it."""

    def __init__(self, *, colours: bool) -> None:
        self.colours, self.other = colours, structlog.dev.ConsoleRenderer(colors=colours)

    def __call__(self, log: Any, name: str, event: Any) -> str:
        if event.get("event") != "request_finished":
            return self.other(log, name, event)

        code, failure = event["code"], event.get("exception", "")
        status = f"{COLOURS.get(code // 100, '')}{code}{PLAIN}" if self.colours else str(code)
        facts = [event[fact] for fact in ("reason", "error") if fact in event]
        told = " ".join(
            [local_time(event["timestamp"]), status, show_plainly(event["request"]), *(f"({fact})" for fact in facts)]
        )
        return f"{told} request id {event['request_id']}\n{failure}".rstrip() if code >= 500 else told


def has_colours() -> bool:
    """Whether lines end up on a terminal: our own, or that of whoever started us and says so."""
    wanted = sys.stderr.isatty() or bool(os.environ.get("FORCE_COLOR"))
    return wanted and not os.environ.get("NO_COLOR")


def local_time(timestamp: str) -> str:
    """A time of the log as the clock on the wall has it."""
    return f"{datetime.fromisoformat(timestamp).astimezone():%H:%M:%S}"
