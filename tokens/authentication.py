"""Bearer tokens on `/api/` (RFC 6750 2.1)."""

from typing import Any

from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTStatelessUserAuthentication

from tokens.errors import RequestRefused
from tokens.scopes import SERVICES
from tokens.user import TokenUser
from tokens.verification import Claims, verify


class BearerAuthentication(JWTStatelessUserAuthentication):
    """Believe the `Authorization` header alone: no cookie, no query string, no form field."""

    def __init__(self) -> None:
        """Unlike its base, look up no model of users: there need be none."""

    def authenticate(self, request: Request) -> tuple[TokenUser, Claims] | None:  # type: ignore[override]
        """The caller and the claims, if any; raises `TokenRefused`, `RequestRefused` or `IssuerUnavailable`."""
        token = read_bearer(request)
        if token is None:
            return None

        claims = verify(token, audience_of(request))
        return TokenUser(claims), claims

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def read_bearer(request: Request) -> str | None:
    """The token of the `Authorization` header, if any; raises `RequestRefused` for a second credential (RFC 6750 2)."""
    header: str = request.META.get("HTTP_AUTHORIZATION", "")
    # Servers join repeated headers with a comma, which no token and no Basic credential holds.
    if "," in header and "bearer" in header.lower():
        raise RequestRefused("The request carries several credentials.")

    # A scheme is case-insensitive (RFC 9110 11.1).
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        return None

    raw = getattr(request, "_request", request)
    if raw.content_type == "application/x-www-form-urlencoded" and "access_token" in raw.POST:
        raise RequestRefused("The request carries a token in its header and in its form.")

    return token.strip(" ")


def audience_of(request: Any) -> str | None:
    """The service that a request is meant for: the `app_name` of the URL include that matched, in the admin the app
    label of the section; None is for what belongs to no one service."""
    match = getattr(request, "resolver_match", None)
    if not match or not match.app_names:
        return None

    if match.app_names[0] != "admin":
        return match.app_names[0]

    # A route of the admin names a section by its app label, such as `admin/orders/order/`.
    section = match.route.split("/")[1]
    return match.kwargs.get("app_label") or (section if section in SERVICES else None)
