"""The two cookies of a browser: the access token everywhere, the refresh token at `/login/`."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse

REFRESH_PATH = "/login/"


def access_name() -> str:
    return "access" if settings.DEBUG else "__Host-access"


def refresh_name() -> str:
    return "refresh" if settings.DEBUG else "__Secure-refresh"


def read_access(request: HttpRequest) -> str:
    return request.COOKIES.get(access_name(), "")


def read_refresh(request: HttpRequest) -> str:
    return request.COOKIES.get(refresh_name(), "")


def set_tokens(response: HttpResponse, *, access: str, refresh: str) -> HttpResponse:
    """Give a browser its tokens; both cookies live as long as the refresh token."""
    lifetime, secure = settings.REFRESH_IDLE_LIFETIME, not settings.DEBUG
    for name, value, path in ((access_name(), access, "/"), (refresh_name(), refresh, REFRESH_PATH)):
        response.set_cookie(name, value, lifetime, path=path, secure=secure, httponly=True, samesite="Lax")
    return response


def clear_tokens(response: HttpResponse) -> HttpResponse:
    response.delete_cookie(access_name(), path="/", samesite="Lax")
    response.delete_cookie(refresh_name(), path=REFRESH_PATH, samesite="Lax")
    return response
