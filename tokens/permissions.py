"""Scopes per view and method: what states none is refused (RFC 6750 3.1)."""

from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import NotAuthenticated, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from tokens.user import current_user

OPEN = "open"
"""What a view says in `scopes` when nobody needs a token for it."""

Scopes = str | Mapping[str, str]


class InsufficientScope(PermissionDenied):
    """The token is good, but does not carry the scope that is asked for."""

    default_detail = "Your token does not carry the scope that this needs."
    default_code = "insufficient-scope"

    def __init__(self, scope: str = "") -> None:
        super().__init__()
        self.scope = scope


class HasScope(BasePermission):
    """Whether the caller carries one of the scopes, separated by spaces, that the view states for the method."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if view.scopes == OPEN:
            return True

        user = current_user(request)
        if not user.is_authenticated:
            raise NotAuthenticated

        wanted = view.scopes.get("GET" if request.method == "HEAD" else request.method)
        if wanted is None and request.method not in view.allowed_methods:
            return True  # DRF goes on to answer 405.
        if wanted is None or user.scopes.isdisjoint(wanted.split()):
            raise InsufficientScope(wanted or "")

        return True
