"""Browsers in which somebody has logged in before: strangers' failures do not shut them out.

After OWASP's "device cookies": the cookie is no way in, it only says under which key failures count.
"""

import secrets
from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

from accounts.login.throttling import hash_account

SALT = "accounts.login.known_browsers"
LIFETIME = timedelta(days=365)
MAX_ACCOUNTS = 3
"""People who share a browser and are remembered there."""


def cookie_name() -> str:
    return "browser" if settings.DEBUG else "__Host-browser"


def find_browser(request: HttpRequest, email: str) -> str:
    """The id of a browser in which that account has logged in before, else nothing."""
    browser, accounts = read_cookie(request)
    return browser if hash_account(email) in accounts else ""


def remember_browser(request: HttpRequest, response: HttpResponse, email: str) -> None:
    """Remember that an account has logged in here."""
    browser, accounts = read_cookie(request)
    known = list(dict.fromkeys([hash_account(email), *accounts]))[:MAX_ACCOUNTS]
    value, secure = signing.dumps([browser, *known], salt=SALT), not settings.DEBUG
    response.set_cookie(cookie_name(), value, LIFETIME, secure=secure, httponly=True, samesite="Lax")


def read_cookie(request: HttpRequest) -> tuple[str, list[str]]:
    """The id of a browser, and the accounts that have logged in there; a new id, if it has none."""
    try:
        browser, *accounts = signing.loads(request.COOKIES.get(cookie_name(), ""), salt=SALT, max_age=LIFETIME)
    except signing.BadSignature:
        return secrets.token_urlsafe(12), []

    return browser, accounts
