"""How a log line looks, the same in every service, and the one line that each request leaves."""

import re
from typing import Any

import structlog
from django.http import HttpRequest
from django_structlog.middlewares import RequestMiddleware

PROCESSORS: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]
SECRET = re.compile(r"^/password-reset/[^/]+/.+", re.DOTALL)
"""The path of a link by mail, which opens an account until it was used."""


class LogMiddleware(RequestMiddleware):
    """Log a request when it is answered; that it came is worth no line."""

    def prepare(self, request: HttpRequest) -> None:
        request_id = request.META["HTTP_X_REQUEST_ID"]
        structlog.contextvars.bind_contextvars(request_id=request_id, ip=request.META.get("REMOTE_ADDR", ""))

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        """Method and path; what follows the path, or is a key to an account, is nobody's to read in a log."""
        return f"{request.method} {SECRET.sub('/password-reset/***/', request.path)}"
