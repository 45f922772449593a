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
    set_cookie(response, access_name(), access, path="/")
    set_cookie(response, refresh_name(), refresh, path=REFRESH_PATH)
    return response


def set_cookie(response: HttpResponse, name: str, value: str, *, path: str) -> None:
    response.set_cookie(
        name,
        value,
        max_age=settings.REFRESH_IDLE_LIFETIME,
        path=path,
        secure=not settings.DEBUG,
        httponly=True,
        samesite="Lax",
    )


def clear_tokens(response: HttpResponse) -> HttpResponse:
    """Take a browser's tokens away."""
    response.delete_cookie(access_name(), path="/", samesite="Lax")
    response.delete_cookie(refresh_name(), path=REFRESH_PATH, samesite="Lax")
    return response
