"""What requests pass through: trusted proxies, unread bodies, what pages need, and services that only read."""

import re
from ipaddress import ip_address
from typing import Any

from corsheaders.middleware import CorsMiddleware as ListedOrigins
from django.conf import settings
from django.contrib.messages import middleware as messages
from django.contrib.sessions import middleware as sessions
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.middleware.common import CommonMiddleware
from django.utils.deprecation import MiddlewareMixin

from tokens.authentication import audience_of
from wire.problems import READ_ONLY, TOO_LARGE, Problem, answer, is_api
from wire.views import MAX_BODY

CHUNK = 64 * 1024
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
WITH_PORT = r"\[(?P<bracketed>[^\]]+)\](:\d+)?|(?P<bare>\d+(\.\d+){3}|([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}):\d+"
"""An address as some proxies write it down (RFC 7239 6)."""


class ProxyMiddleware(MiddlewareMixin):
    """Take the client's address from X-Forwarded-For, as far as the hops in front are trusted."""

    def process_request(self, request: HttpRequest) -> None:
        if not settings.PROXIES:
            request.META.pop("HTTP_X_FORWARDED_FOR", None)
        request.META["REMOTE_ADDR"] = normalize_address(client_address(request))


def client_address(request: HttpRequest) -> str:
    """The address that the outermost trusted hop saw; what stands left of it anyone may write."""
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
    trusted = [*hops, request.META.get("REMOTE_ADDR", "")]
    return trusted[-min(settings.PROXIES + 1, len(trusted))]


def normalize_address(text: str) -> str:
    """An address without port, brackets and zone, IPv4 in IPv6 as IPv4; what is none stays itself, within bounds."""
    found = re.fullmatch(WITH_PORT, text.strip(' "'), re.IGNORECASE)
    host = found["bracketed"] or found["bare"] if found else text
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return re.sub(r"[^!-~]", "?", text)[:40]

    return str(getattr(address, "ipv4_mapped", None) or address)


class BodyMiddleware(MiddlewareMixin):
    """Refuse a body that is larger than its view takes (`max_body`), before anybody reads it; read what nobody did.

    A server that answers and closes before it has read the body resets the connection, and a proxy
    in front then takes the answer for an outage.
    """

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if 0 < body_length(request) <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            drain(request)
        return response

    def process_view(self, request: HttpRequest, view: Any, *_: Any) -> HttpResponse | None:
        most = getattr(getattr(view, "cls", view), "max_body", MAX_BODY)
        return answer(request, Problem(TOO_LARGE)) if body_length(request) > most else None


def body_length(request: HttpRequest) -> int:
    """In bytes, as the request says it; no more than that can be read."""
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0


def drain(request: HttpRequest) -> None:
    try:
        while request.read(CHUNK):
            continue
    except (UnreadablePostError, ValueError):
        return


class CorsMiddleware(ListedOrigins):
    """django-cors-headers' for the origins of the settings; what is public is there for any, its errors too."""

    PUBLIC = "/.well-known/"
    PREFLIGHT = {
        "Access-Control-Allow-Methods": "GET, HEAD",
        "Access-Control-Allow-Headers": "*",
        "Access-Control-Max-Age": "86400",
    }

    def __call__(self, request: HttpRequest) -> Any:
        if not request.path.startswith(self.PUBLIC):
            return super().__call__(request)

        is_preflight = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        response: Any = HttpResponse(headers=self.PREFLIGHT) if is_preflight else self.get_response(request)
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Expose-Headers"] = "ETag"
        return response


class SlashMiddleware(CommonMiddleware):
    """Send a reader on to the address with the slash; for a program or a form it is not found."""

    def should_redirect_with_slash(self, request: HttpRequest) -> bool:
        # A redirect would lose the body, and Django raises where a form is sent in DEBUG.
        if is_api(request) or request.method not in SAFE_METHODS:
            return False

        return super().should_redirect_with_slash(request)


class OfPages(MiddlewareMixin):
    """A middleware that lets requests to the API pass."""

    def __call__(self, request: HttpRequest) -> Any:
        return self.get_response(request) if is_api(request) else super().__call__(request)


class SessionMiddleware(OfPages, sessions.SessionMiddleware):
    """Django's, for the admin."""


class MessageMiddleware(OfPages, messages.MessageMiddleware):
    """Django's: what a page says once, after a form."""


class ReadOnlyMiddleware(MiddlewareMixin):
    """Answer 503 to whatever would change a service that `READ_ONLY` names.

    A view whose POST only reads says so: `only_reads = True`.
    """

    def process_view(self, request: HttpRequest, view: Any, *_: Any) -> HttpResponse | None:
        only_reads = request.method in SAFE_METHODS or getattr(getattr(view, "cls", view), "only_reads", False)
        if only_reads or audience_of(request) not in settings.READ_ONLY:
            return None

        return answer(request, Problem(READ_ONLY))
