"""Who somebody is, for an app that they let know it (OpenID Connect Core 5.3)."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import serializers
from accounts.api.views import find_own_user
from accounts.models import User
from tokens.user import current_user
from wire.api.views import View, operation


class UserInfo(View):
    """`/oauth/userinfo`: whose token it is."""

    scopes = {"GET": "openid", "POST": "openid"}
    problems = {"GET": (404,), "POST": (404,)}
    only_reads = True

    @operation(responses=serializers.UserInfo, operation_id="read_userinfo")
    def get(self, request: Request) -> Response:
        """Read who the bearer is: what the scopes `profile` and `email` say, and always `sub`."""
        caller = current_user(request)
        return Response(describe_person(find_own_user(request), caller.scopes))

    @operation(request=None, responses=serializers.UserInfo, operation_id="read_userinfo_by_post")
    def post(self, request: Request) -> Response:
        """Read who the bearer is, as GET does."""
        return self.get(request)


def describe_person(user: User, scopes: frozenset[str]) -> dict[str, Any]:
    """What some scopes let an app know of a person (OpenID Connect Core 5.4)."""
    about: dict[str, Any] = {"sub": user.sub}
    if "profile" in scopes:
        about["name"] = user.name
    if "email" in scopes:
        about |= {"email": user.email, "email_verified": user.email_verified_at is not None}
    return about
