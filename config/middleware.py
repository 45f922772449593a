"""What requests pass through: trusted proxies, refused bodies, what pages need, and services that only read."""

import math
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import lru_cache
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Any

from corsheaders.middleware import CorsMiddleware as ListedOrigins
from django.conf import settings
from django.contrib.messages import middleware as messages
from django.contrib.messages.storage import cookie
from django.contrib.sessions import middleware as sessions
from django.core.exceptions import BadRequest, SuspiciousOperation, TooManyFieldsSent
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.middleware import security
from django.middleware.common import CommonMiddleware
from django.utils.cache import patch_vary_headers
from django.utils.deprecation import MiddlewareMixin

from config.request_body import IS_LATE, body_length
from config.uploads import expect_file, max_body
from database.deadlines import deadline
from tokens.authentication import audience_of
from wire.api.problems import (
    ENCODED,
    NO_TLS,
    NOT_UTF8,
    READ_ONLY,
    TOO_LARGE,
    TOO_SLOW,
    Problem,
    answer,
    is_api,
    is_oauth,
)
from wire.error_pages import error_page

CHUNK = 64 * 1024
OLD_CSRF_COOKIE = "csrftoken"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
WITH_PORT = r"\[(?P<bracketed>[^\]]+)\](:\d*)?|(?P<bare>\d+(\.\d+){3}|([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}):\d*"
"""An address as some proxies write it down (RFC 7239 6)."""
MAX_ADDRESS = 100
"""Characters of an address with its port and zone."""
TRANSLATED = ip_network("64:ff9b::/96")
"""IPv4 as a translator in front shows it (RFC 6052 2.1)."""


class ProxyMiddleware(MiddlewareMixin):
    """Take the client's address from X-Forwarded-For, as far as the hops in front are trusted."""

    def process_request(self, request: HttpRequest) -> None:
        if not settings.PROXIES:
            request.META.pop("HTTP_X_FORWARDED_FOR", None)
        request.META["REMOTE_ADDR"] = normalize_address(client_address(request)[:MAX_ADDRESS])


def client_address(request: HttpRequest) -> str:
    """The address that the outermost trusted hop saw; what stands left of it anyone may write."""
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
    trusted = [*hops, request.META.get("REMOTE_ADDR", "")]
    return trusted[-min(settings.PROXIES + 1, len(trusted))]


@lru_cache(1_000)
def normalize_address(text: str) -> str:
    """An address without port, brackets and zone, IPv4 in IPv6 as IPv4; what is none stays itself, within bounds."""
    found = re.fullmatch(WITH_PORT, text.strip(' "'), re.IGNORECASE)
    host = found["bracketed"] or found["bare"] if found else text
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return re.sub(r"[^!-~]", "?", text)[:40]

    if address in TRANSLATED:
        return str(IPv4Address(int(address) & 0xFFFFFFFF))
    return str(getattr(address, "ipv4_mapped", None) or address)


class DeadlineMiddleware:
    """A request waits for its database so long at the most, or as long as the service that calls says it will wait."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with deadline(min(read_timeout(request), settings.REQUEST_SECONDS)):
            return self.get_response(request)


def read_timeout(request: HttpRequest) -> float:
    """The seconds that a caller waits, by its header; endless if it says nothing, or no such number."""
    text = request.META.get("HTTP_X_REQUEST_TIMEOUT", "")
    return float(text) if re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,3})?", text) else math.inf


class BodyMiddleware(MiddlewareMixin):
    """Refuse a body that is larger than its view takes (`max_body`), compressed, or too late (config.rsgi).

    A file is on its way still while Django answers: it is read even if nobody wants it. A server that closes before
    resets the connection, and a proxy in front then takes the answer for an outage.
    """

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if 0 < body_length(request.META) <= max(settings.DATA_UPLOAD_MAX_MEMORY_SIZE, getattr(request, "max_file", 0)):
            drain(request)
        return response

    def process_view(self, request: HttpRequest, view: Any, *_: Any) -> HttpResponse | None:
        if request.META.get(IS_LATE):
            return answer(request, Problem(TOO_SLOW))
        if request.method not in SAFE_METHODS and is_encoded(request):
            return refuse_encoding(request)
        if has_other_charset(request):
            return answer(request, Problem(NOT_UTF8))

        request.max_file = getattr(view, "max_file", 0)  # type: ignore[attr-defined]
        refusal = expect_file(request, view)
        if refusal or body_length(request.META) <= max_body(request, view):
            return refusal

        return answer(request, Problem(TOO_LARGE))


def is_encoded(request: HttpRequest) -> bool:
    return request.headers.get("Content-Encoding", "").strip().lower() not in ("", "identity")


def has_other_charset(request: HttpRequest) -> bool:
    """Whether a form says that it is not in UTF-8; the API takes none at all."""
    charset: str = (request.content_params or {}).get("charset", "utf-8")
    is_form = request.method == "POST" and request.content_type in FORMS and not is_api(request)
    return is_form and charset.lower() != "utf-8"


def refuse_encoding(request: HttpRequest) -> HttpResponse | None:
    """415, which says what is taken instead (RFC 9110 12.5.3)."""
    response = answer(request, Problem(ENCODED))
    if response:
        response["Accept-Encoding"] = "identity"
    return response


def drain(request: HttpRequest) -> None:
    with suppress(UnreadablePostError, ValueError):
        while request.read(CHUNK):
            continue


class CorsMiddleware(ListedOrigins):
    """django-cors-headers' for the origins of the settings; what is public is there for any, its errors too.

    So is what an app calls that runs in a browser: what it sends proves who it is, and no cookie means anything there.
    """

    PUBLIC = ("/.well-known/", "/oauth/token", "/oauth/userinfo", "/oauth/revoke")
    PREFLIGHT = {
        "Access-Control-Allow-Headers": "*, Authorization",
        "Access-Control-Max-Age": "86400",
    }

    def __call__(self, request: HttpRequest) -> Any:
        if not request.path.startswith(self.PUBLIC):
            return super().__call__(request)

        is_preflight = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        response: Any = HttpResponse(headers=self.preflight(request)) if is_preflight else self.get_response(request)
        response.headers["Access-Control-Allow-Origin"] = "*"
        is_document = request.path.startswith("/.well-known/")
        exposed = "ETag" if is_document else ", ".join(settings.CORS_EXPOSE_HEADERS)
        response.headers["Access-Control-Expose-Headers"] = exposed
        return response

    def add_response_headers(self, request: HttpRequest, response: Any) -> Any:
        """As theirs, but what comes from no other origin has none of its headers looked through."""
        if "HTTP_ORIGIN" in request.META:
            return super().add_response_headers(request, response)

        if self.is_enabled(request):
            patch_vary_headers(response, ("origin",))
        return response

    def preflight(self, request: HttpRequest) -> dict[str, str]:
        methods = "GET, HEAD" if request.path.startswith("/.well-known/") else "GET, POST"
        return {"Access-Control-Allow-Methods": methods, **self.PREFLIGHT}


class QueryMiddleware(MiddlewareMixin):
    """Refuse an address with more parameters than Django reads, which raises wherever somebody looks at one: so may the
    page of an error."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        count = request.META.get("QUERY_STRING", "").count("&") + 1
        return answer(request, TooManyFieldsSent()) if count > settings.DATA_UPLOAD_MAX_NUMBER_FIELDS else None


class SlashMiddleware(CommonMiddleware):
    """Send a reader on to the address with the slash; for a program or a form it is not found."""

    def process_request(self, request: HttpRequest) -> Any:
        # Who collects metrics finds each process by its address, which no ALLOWED_HOSTS names.
        return None if request.path == "/metrics" else super().process_request(request)

    def should_redirect_with_slash(self, request: HttpRequest) -> bool:
        # A redirect would lose the body, and Django raises where a form is sent in DEBUG.
        if is_api(request) or request.method not in SAFE_METHODS:
            return False

        return super().should_redirect_with_slash(request)


class FormMiddleware(MiddlewareMixin):
    """Refuse what no page takes, before anybody looks for the form's token: other methods, forms that cannot be read.

    A view that is exempt from that token (`csrf_exempt`) says itself what it takes.
    """

    METHODS = ("GET", "HEAD", "POST")

    def process_view(self, request: HttpRequest, view: Any, *_: Any) -> HttpResponse | None:
        if getattr(view, "csrf_exempt", False):
            return None
        if request.method not in self.METHODS:
            return not_allowed(request, self.METHODS)
        if getattr(request, "max_file", 0):
            return None  # Nothing of a file is read before its sender is known.

        try:
            request.POST  # noqa: B018 - is read here
        except (BadRequest, SuspiciousOperation) as error:
            return answer(request, error) or error_page(request, 400)
        return None


def not_allowed(request: HttpRequest, methods: Iterable[str]) -> HttpResponse:
    response = error_page(request, 405)
    response["Allow"] = ", ".join(methods)
    return response


class OfPages(MiddlewareMixin):
    """A middleware that lets requests to the API pass."""

    def __call__(self, request: HttpRequest) -> Any:
        return self.get_response(request) if is_api(request) else super().__call__(request)


class SessionMiddleware(OfPages, sessions.SessionMiddleware):
    """Django's, for the admin."""


class MessageMiddleware(OfPages, messages.MessageMiddleware):
    """Django's: what a page says once, after a form."""


class TransportMiddleware(security.SecurityMiddleware):
    """Django's, but only readers of pages are sent to https: a secret that is redirected is sent in the clear again.

    So a token, a form and a log-in are refused, and any call of the API, so that a client with a wrong address is
    noticed (ASVS 5.0, 4.1.2). Neighbours in a private network call without TLS.
    """

    def process_request(self, request: HttpRequest) -> HttpResponse | None:  # type: ignore[override]
        is_program = is_api(request) or is_oauth(request)
        if not self.redirect or request.is_secure() or (is_program and came_past_the_gateway(request)):
            return None

        is_reader = request.method in SAFE_METHODS and "HTTP_AUTHORIZATION" not in request.META and not is_program
        return super().process_request(request) if is_reader else answer(request, Problem(NO_TLS))


def came_past_the_gateway(request: HttpRequest) -> bool:
    """Whether a neighbour calls: whatever stands in front writes down how a request came to it."""
    return bool(settings.PROXIES) and "HTTP_X_FORWARDED_PROTO" not in request.META


class OldCookieMiddleware(MiddlewareMixin):
    """Take and renew the CSRF cookie of the release before for who has it: its services may still be running."""

    def process_request(self, request: HttpRequest) -> None:
        if OLD_CSRF_COOKIE in request.COOKIES:
            request.COOKIES.setdefault(settings.CSRF_COOKIE_NAME, request.COOKIES[OLD_CSRF_COOKIE])

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        renewed = response.cookies.get(settings.CSRF_COOKIE_NAME)
        if OLD_CSRF_COOKIE in request.COOKIES and renewed and not settings.DEBUG:
            response.set_cookie(OLD_CSRF_COOKIE, renewed.value, secure=True, httponly=True, samesite="Lax")
        return response


class MessageStorage(cookie.CookieStorage):
    """Messages in a cookie that only this host can set."""

    @property
    def cookie_name(self) -> str:  # type: ignore[override]
        return "messages" if settings.DEBUG else "__Host-messages"


class ReadOnlyMiddleware(MiddlewareMixin):
    """Answer 503 to whatever would change a service that `READ_ONLY` names.

    A view whose POST only reads says so: `only_reads = True`.
    """

    def process_view(self, request: HttpRequest, view: Any, *_: Any) -> HttpResponse | None:
        only_reads = request.method in SAFE_METHODS or getattr(getattr(view, "cls", view), "only_reads", False)
        if only_reads or audience_of(request) not in settings.READ_ONLY:
            return None

        return answer(request, Problem(READ_ONLY))
