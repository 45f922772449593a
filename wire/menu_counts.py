"""A number beside an entry of the menu, such as what is in the basket: a cookie, which every service's pages can read.

It is there for people to look at, and decides nothing: whoever changes it misleads themselves alone.
"""

import hashlib

from django.conf import settings
from django.http import HttpRequest, HttpResponse

MOST = 999


def cookie_name(entry: str) -> str:
    return f"count-{entry}" if settings.DEBUG else f"__Host-count-{entry}"


def set_count(response: HttpResponse, entry: str, count: int, *, sub: str) -> HttpResponse:
    """Have pages show a count beside an entry, to this person alone."""
    lifetime, secure = settings.REFRESH_IDLE_LIFETIME, not settings.DEBUG
    value = f"{min(count, MOST)}.{mark(sub)}"
    response.set_cookie(cookie_name(entry), value, lifetime, secure=secure, httponly=True, samesite="Lax")
    return response


def read_count(request: HttpRequest, entry: str, *, sub: str) -> int:
    """The count that was set for a person; 0 where there is none, or it is another's."""
    count, _, owner = request.COOKIES.get(cookie_name(entry), "").partition(".")
    return (
        int(count) if count.isascii() and count.isdigit() and len(count) <= len(str(MOST)) and owner == mark(sub) else 0
    )


def mark(sub: str) -> str:
    """Whose count it is, so that the next person at a browser does not see it."""
    return hashlib.sha256(sub.encode()).hexdigest()[:12]
