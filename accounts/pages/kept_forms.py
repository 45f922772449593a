"""A form whose sender's session was over: kept in the page on which they log in, and given back to them.

It is signed, so that nobody else's form can be slipped to somebody who logs in, and not encrypted: it goes back to the
browser that it came from. What is called a password is left out.
"""

from django.core import signing
from django.http import HttpRequest

from accounts.issuing.local_issuer import StoredKeysIssuer
from tokens import cookies
from tokens.errors import TokenRefused
from tokens.pages import MAX_KEPT_FORM, local_path
from tokens.verification import read_expired

Fields = list[tuple[str, str]]
"""Names and values, in the order in which they were sent."""

SALT = "tessera.kept-form"
LIFETIME = 3600
"""Seconds in which whoever sent a form has to log in."""
OURS = "csrfmiddlewaretoken"


def keep(request: HttpRequest) -> str:
    """The form of a request, to stand in a hidden field; empty if there is nothing in it to be kept."""
    fields = [(name, text) for name, texts in request.POST.lists() for text in texts if is_kept(name)]
    if not fields or sum(len(name) + len(text) for name, text in fields) > MAX_KEPT_FORM:
        return ""

    return signing.dumps([local_path(request.GET.get("next")), whose(request), fields], salt=SALT, compress=True)


def is_kept(name: str) -> bool:
    return name != OURS and "password" not in name


def whose(request: HttpRequest) -> str:
    """Whose access cookie came with it, living or not; empty if that cannot be said."""
    try:
        return str(read_expired(cookies.read_access(request), StoredKeysIssuer())["sub"])
    except TokenRefused:
        return ""


def open_kept(kept: str, path: str, *, sub: str) -> Fields:
    """The fields of a form that was kept for this address, unless it is somebody else's; empty if it is none."""
    try:
        target, owner, fields = signing.loads(kept, salt=SALT, max_age=LIFETIME)
    except signing.BadSignature:
        return []

    return [(name, text) for name, text in fields] if target == path and owner in ("", sub) else []
