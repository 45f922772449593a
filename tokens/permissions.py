"""Scopes per view and method: what states none is refused (RFC 6750 3.1)."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from rest_framework.exceptions import NotAuthenticated, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from database import clock
from tokens.scopes import VERIFIED_SCOPES
from tokens.user import TokenUser, current_user

RECENT = 900
"""Seconds for which it is enough to have proven who one is, for what ends sessions."""
OPEN = "open"
"""What a view says in `scopes` when nobody needs a token for it."""

Scopes = str | Mapping[str, str]


def is_opened(method: str | None, open_if: str) -> bool:
    """Whether what only reads is open to everybody here, since the setting says so that a view names."""
    return method in ("GET", "HEAD") and bool(open_if) and bool(getattr(settings, open_if))


class InsufficientScope(PermissionDenied):
    """The token is good, but does not carry the scope that is asked for."""

    default_detail = "Your token does not carry the scope that this needs."
    default_code = "insufficient-scope"

    def __init__(self, scope: str = "") -> None:
        super().__init__()
        self.scope = scope


class ScopeWithheld(InsufficientScope):
    """The token would carry the scope if its person had proven more."""


class EmailNotVerified(ScopeWithheld):
    """The scope is carried once the e-mail address is verified."""

    default_detail = "Verify your e-mail address first: a link was mailed to you. Then refresh your tokens."
    default_code = "email-not-verified"


class StepUpRequired(ScopeWithheld):
    """Whoever asks has to prove again who they are (RFC 9470): how surely, and how many seconds ago at most."""

    default_detail = "Prove who you are, with as much as this needs: log in anew."
    default_code = "insufficient-user-authentication"

    def __init__(self, acr_values: str = "aal2", max_age: int = int(settings.STAFF_FACTOR_AGE.total_seconds())) -> None:
        super().__init__()
        self.acr_values, self.max_age = acr_values, max_age


def lack_of(wanted: str, user: TokenUser) -> InsufficientScope:
    """Why a bearer who carries none of some scopes, separated by spaces, is refused: what would bring one, if any."""
    withheld = user.withheld.intersection(wanted.split())
    if not withheld:
        return InsufficientScope(wanted)

    return EmailNotVerified(wanted) if withheld <= VERIFIED_SCOPES else StepUpRequired()


def check_recent(user: TokenUser) -> None:
    """Raise `StepUpRequired` unless whoever asks proved who they are within `RECENT` seconds."""
    if user.auth_time <= clock.time() - RECENT:
        raise StepUpRequired("aal1", RECENT)


class HasScope(BasePermission):
    """Whether the caller carries one of the scopes, separated by spaces, that the view states for the method."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if view.scopes == OPEN or is_opened(request.method, getattr(view, "open_if", "")):
            return True

        user = current_user(request)
        if not user.is_authenticated:
            raise NotAuthenticated

        wanted = view.scopes.get("GET" if request.method == "HEAD" else request.method)
        if wanted is None and request.method not in view.allowed_methods:
            return True  # DRF goes on to answer 405.
        if wanted is None or user.scopes.isdisjoint(wanted.split()):
            raise lack_of(wanted or "", user)

        return True
