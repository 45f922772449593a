"""Who makes a request, as the token says it: no row, no query."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from django.contrib.auth.models import AnonymousUser
from rest_framework_simplejwt.models import TokenUser as SimpleTokenUser

from tokens.errors import TokenRefused
from tokens.scopes import OWN_SCOPES, STAFF_SCOPES
from tokens.verification import is_delegated


class TokenUser(SimpleTokenUser):
    """Who carries a verified token; `token` is its claims."""

    is_superuser = False

    def __init__(self, token: dict[str, Any]) -> None:
        self.token: Any = token

    @cached_property
    def sub(self) -> str:
        """The subject: a person's uuid, or the id of a client."""
        return self.token["sub"]

    @cached_property
    def client_id(self) -> str:
        return self.token["client_id"]

    @cached_property
    def sid(self) -> str:
        """The person's session; empty for a client."""
        return self.token.get("sid", "")

    @cached_property
    def name(self) -> str:
        return self.token.get("name", "")

    @cached_property
    def email(self) -> str:
        return self.token.get("email", "")

    @cached_property
    def scopes(self) -> frozenset[str]:
        """What it may do; an app, and who acts for a person, nothing of `OWN_SCOPES`, whatever it says."""
        return self.read_scopes("scope")

    def read_scopes(self, claim: str) -> frozenset[str]:
        said = frozenset(self.token.get(claim, "").split())
        return said - OWN_SCOPES if is_delegated(self.token) else said

    @cached_property
    def auth_time(self) -> int:
        """When its person last proved who they are, in seconds since the epoch; 0 if it does not say."""
        return self.token.get("auth_time", 0)

    @cached_property
    def withheld(self) -> frozenset[str]:
        """What the roles carry, and the token will once its person has proven enough."""
        return self.read_scopes("withheld")

    @cached_property
    def could_be_staff(self) -> bool:
        """Whether a section of the admin is open to it, or will be once its person has proven enough."""
        return any(self.could(scope) for scope in STAFF_SCOPES.values())

    @cached_property
    def is_staff(self) -> bool:
        """Whether any section of the admin is open to it."""
        return not self.scopes.isdisjoint(STAFF_SCOPES.values())

    def get_username(self) -> str:
        return self.name or self.email or self.sub

    def __str__(self) -> str:
        return self.get_username()

    def may(self, scope: str) -> bool:
        return scope in self.scopes

    def could(self, scope: str) -> bool:
        """Whether it carries a scope, or will once its person has proven enough."""
        return scope in self.scopes or scope in self.withheld

    def has_module_perms(self, app_label: str) -> bool:
        """Whether a service's section of the admin is open to it: scopes decide."""
        return STAFF_SCOPES.get(app_label) in self.scopes

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        return self.has_module_perms(perm.partition(".")[0])

    def has_perms(self, perm_list: Iterable[str], obj: Any = None) -> bool:
        return all(self.has_perm(perm) for perm in perm_list)


class Anonymous(AnonymousUser):
    """Nobody yet: what a request without a believable token is made by; `refusal` says why the token is none."""

    sub = client_id = sid = name = email = ""
    scopes: frozenset[str] = frozenset()

    def __init__(self, refusal: TokenRefused | None = None) -> None:
        super().__init__()
        self.refusal = refusal

    def may(self, scope: str) -> bool:
        return False

    def could(self, scope: str) -> bool:
        return False


def current_user(request: Any) -> TokenUser:
    """Who makes a request; where a view states a scope, a token was verified before it runs."""
    user: TokenUser = request.user
    return user
