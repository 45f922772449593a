"""The cookies of a browser: the access token everywhere, the refresh token at `/login/`, and a mark."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse

REFRESH_PATH = "/login/"
JUST_ISSUED = 10
"""Seconds: a token refused at this age will not get better by being renewed."""


def access_name() -> str:
    return "access" if settings.DEBUG else "__Host-access"


def refresh_name() -> str:
    return "refresh" if settings.DEBUG else "__Secure-refresh"


def renewed_name() -> str:
    return "renewed" if settings.DEBUG else "__Host-renewed"


def read_access(request: HttpRequest) -> str:
    return request.COOKIES.get(access_name(), "")


def read_refresh(request: HttpRequest) -> str:
    return request.COOKIES.get(refresh_name(), "")


def were_renewed(request: HttpRequest) -> bool:
    """Whether a browser's tokens were renewed a moment ago and again, by its own clock and none of ours."""
    return renewed_name() in request.COOKIES


def mark_renewed(response: HttpResponse) -> HttpResponse:
    """Remember that tokens were renewed which were new: whoever refused these will refuse the next."""
    secure = not settings.DEBUG
    response.set_cookie(renewed_name(), "1", JUST_ISSUED, secure=secure, httponly=True, samesite="Lax")
    return response


def set_tokens(response: HttpResponse, *, access: str, refresh: str) -> HttpResponse:
    """Give a browser its tokens; both cookies live as long as the refresh token."""
    lifetime, secure = settings.REFRESH_IDLE_LIFETIME, not settings.DEBUG
    for name, value, path in ((access_name(), access, "/"), (refresh_name(), refresh, REFRESH_PATH)):
        response.set_cookie(name, value, lifetime, path=path, secure=secure, httponly=True, samesite="Lax")
    return response


def clear_tokens(response: HttpResponse) -> HttpResponse:
    response.delete_cookie(access_name(), path="/", samesite="Lax")
    response.delete_cookie(renewed_name(), path="/", samesite="Lax")
    response.delete_cookie(refresh_name(), path=REFRESH_PATH, samesite="Lax")
    return response
