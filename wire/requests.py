"""What every request passes through: trusted hops, and services that only read."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from tokens.authentication import audience_of
from wire.problems import Problem, answer

Handler = Callable[[HttpRequest], HttpResponse]
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class ReadOnly(Problem):
    """This service only reads for now."""

    status_code = 503
    default_code = "read-only"
    default_detail = "This service takes no changes for the moment; what is there can be read."
    retry_after = 5


class ProxyMiddleware:
    """Take the client's address from X-Forwarded-For, as far as the hops in front are trusted."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.PROXIES:
            request.META["REMOTE_ADDR"] = client_address(request)
        else:
            request.META.pop("HTTP_X_FORWARDED_FOR", None)
        return self.get_response(request)


def client_address(request: HttpRequest) -> str:
    """The address that the outermost trusted hop saw; what stands left of it anyone may write."""
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
    trusted = [*hops, request.META.get("REMOTE_ADDR", "")]
    return trusted[-min(settings.PROXIES + 1, len(trusted))]


class ReadOnlyMiddleware:
    """Answer 503 to whatever would change a service that `READ_ONLY` names."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponse | None:
        if request.method in SAFE_METHODS or not settings.READ_ONLY:
            return None

        if audience_of(request) in settings.READ_ONLY:
            return answer(request, ReadOnly())

        return None
