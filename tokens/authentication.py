"""Bearer tokens on `/api/` (RFC 6750 2.1)."""

from typing import Any

from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTStatelessUserAuthentication

from tokens.errors import RequestRefused
from tokens.scopes import SERVICES
from tokens.user import TokenUser
from tokens.verification import Claims, verify

FORM = "application/x-www-form-urlencoded"


class BearerAuthentication(JWTStatelessUserAuthentication):
    """Believe the `Authorization` header alone: no cookie, no query string, no form field."""

    def __init__(self) -> None:
        """Unlike its base, look up no model of users: there need be none."""

    def authenticate(self, request: Request) -> tuple[TokenUser, Claims] | None:  # type: ignore[override]
        """The bearer and the claims, or None where no Bearer token is presented.

        Raises `TokenRefused`, `RequestRefused` or `IssuerUnavailable`.
        """
        token = read_bearer(request)
        if token is None:
            return None

        claims = verify(token, audience_of(request))
        return TokenUser(claims), claims

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def read_bearer(request: Request) -> str | None:
    """The token of the `Authorization` header; its scheme is case-insensitive (RFC 9110 11.1).

    Raises `RequestRefused` for a second credential (RFC 6750 2).
    """
    header: str = request.META.get("HTTP_AUTHORIZATION", "")
    # Servers join repeated headers with a comma, which no token and no Basic credential holds.
    if "," in header and "bearer" in header.lower():
        raise RequestRefused("The request carries several credentials.")

    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        return None
    if carries_form_token(request):
        raise RequestRefused("The request carries a token in its header and in its form.")

    return token.strip(" ")


def carries_form_token(request: Request) -> bool:
    """Whether a form names an `access_token` (RFC 6750 2.2), which we never read."""
    raw = getattr(request, "_request", request)
    return raw.content_type == FORM and "access_token" in raw.POST


def audience_of(request: Any) -> str | None:
    """The service a request is meant for: the `app_name` of the URL include that matched.

    In the admin it is the app label of the section; None is for what belongs to no one service.
    """
    match = getattr(request, "resolver_match", None)
    if not match or not match.app_names:
        return None

    if match.app_names[0] != "admin":
        return match.app_names[0]

    return match.kwargs.get("app_label") or section_of(match.route)


def section_of(route: str) -> str | None:
    """The app label in a route of the admin, such as `admin/orders/order/`."""
    sections = route.split("/")[1:2]
    return sections[0] if sections and sections[0] in SERVICES else None
