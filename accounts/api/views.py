"""The JSON API of accounts: log-in, refresh, verify, log-out, and a person's own account and sessions."""

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import serializers
from accounts.login import sessions
from accounts.login.sessions import Origin, TokenPair
from accounts.models import Session, User, combined_scopes
from accounts.people import credentials, deletion, profile, registration
from tokens.permissions import OPEN
from tokens.user import current_user
from tokens.verification import verify
from wire.keyset import Ordering, paginate
from wire.page_links import read_limit, write_page
from wire.problems import NOT_FOUND, Problem
from wire.schema import PAGE
from wire.serializers import read
from wire.views import View

API_CLIENT = "api"
LATEST = Ordering("latest", ("rotated_at", "id"), descending=True)
SESSION_FIELDS = ("id", "client_id", "device", "address", "created_at", "rotated_at", "expires_at")


class LogIn(View):
    """`POST /api/token/`: a password for a pair of tokens."""

    scopes = OPEN
    problems = {"POST": (401, 429)}

    @extend_schema(request=serializers.Credentials, responses=serializers.GrantAnswer, operation_id="log_in")
    def post(self, request: Request) -> Response:
        """Log in with e-mail address and password."""
        data = read(serializers.Credentials, request.data)
        return token_response(sessions.log_in(**data, origin=Origin.of_request(request, API_CLIENT)))


class RefreshTokens(View):
    """`POST /api/token/refresh/`: a refresh token for the next pair."""

    scopes = OPEN
    problems = {"POST": (401,)}

    @extend_schema(request=serializers.RefreshRequest, responses=serializers.GrantAnswer, operation_id="refresh")
    def post(self, request: Request) -> Response:
        """Renew the tokens; the refresh token given is used up."""
        token = read(serializers.RefreshRequest, request.data)["refresh"]
        return token_response(sessions.refresh(token, client_id=API_CLIENT))


class Verify(View):
    """`POST /api/token/verify/`: whether an access token is to be believed now, by whomever it is meant for."""

    scopes = OPEN
    problems = {"POST": (401,)}
    only_reads = True

    @extend_schema(request=serializers.VerifyRequest, responses=serializers.Empty, operation_id="verify")
    def post(self, request: Request) -> Response:
        """Verify an access token."""
        verify(read(serializers.VerifyRequest, request.data)["token"], None, any_audience=True)
        return Response({})


class LogOut(View):
    """`POST /api/token/blacklist/`: the end of a session, at every service."""

    scopes = OPEN
    problems = {"POST": (401,)}

    @extend_schema(request=serializers.RefreshRequest, responses=serializers.Empty, operation_id="log_out")
    def post(self, request: Request) -> Response:
        """Log out: end the session of a refresh token."""
        sessions.log_out(read(serializers.RefreshRequest, request.data)["refresh"])
        return Response({})


class Register(View):
    """`POST /api/accounts/register/`: a new customer."""

    scopes = OPEN
    problems = {"POST": (409, 429)}

    @extend_schema(request=serializers.Registration, responses={201: serializers.Me}, operation_id="register")
    def post(self, request: Request) -> Response:
        """Register with e-mail address, password and name."""
        data = read(serializers.Registration, request.data)
        return Response(write_user(registration.register(**data, address=request.META.get("REMOTE_ADDR"))), 201)


class OwnAccount(View):
    """`/api/accounts/me/`: the user whose token it is."""

    scopes = {"GET": "account", "PATCH": "account", "DELETE": "account"}
    problems = {"GET": (404,), "PATCH": (404,), "DELETE": (404, 429)}

    @extend_schema(responses=serializers.Me, operation_id="read_me")
    def get(self, request: Request) -> Response:
        """Read the account of the caller."""
        return Response(write_user(find_own_user(request)))

    @extend_schema(request=serializers.Profile, responses=serializers.Me, operation_id="change_me")
    def patch(self, request: Request) -> Response:
        """Change the caller's name; tokens carry it from the next refresh on."""
        user = find_own_user(request)
        profile.rename(user, by=current_user(request), **read(serializers.Profile, request.data))
        return Response(write_user(user))

    @extend_schema(request=serializers.Confirmation, responses={204: None}, operation_id="delete_me")
    def delete(self, request: Request) -> Response:
        """Delete the account of the caller for good; orders keep the name they were placed under."""
        confirmation = read(serializers.Confirmation, request.data)
        deletion.delete_own(find_own_user(request), **confirmation, by=current_user(request))
        return Response(status=204)


class OwnEmail(View):
    """`/api/accounts/me/email/`: the caller's e-mail address, used to log in."""

    scopes = {"POST": "account"}
    problems = {"POST": (404, 409, 429)}

    @extend_schema(request=serializers.EmailChange, responses=serializers.Me, operation_id="change_email")
    def post(self, request: Request) -> Response:
        """Change the caller's e-mail address; every other session ends."""
        change, user = read(serializers.EmailChange, request.data), find_own_user(request)
        credentials.change_email(user, **change, by=current_user(request))
        return Response(write_user(user))


class OwnSessions(View):
    """`/api/accounts/sessions/`: where the caller is logged in."""

    scopes = {"GET": "account", "DELETE": "account"}

    @extend_schema(parameters=PAGE, responses=serializers.SessionList, operation_id="list_sessions")
    def get(self, request: Request) -> Response:
        """List the caller's active sessions, the latest used first."""
        caller = current_user(request)
        page = paginate(
            Session.objects.of_user(caller.sub).alive().unexpired().values(*SESSION_FIELDS),
            LATEST,
            cursor=request.GET.get("cursor"),
            limit=read_limit(request),
            filters=caller.sub,
        )
        return Response(write_page(request, page, [write_session(row, caller.sid) for row in page.rows]))

    @extend_schema(request=None, responses={204: None}, operation_id="end_other_sessions")
    def delete(self, request: Request) -> Response:
        """End all of the caller's sessions but this one."""
        caller = current_user(request)
        sessions.end(Session.objects.of_user(caller.sub, but=caller.sid), reason="log-out", by=caller)
        return Response(status=204)


class OwnSession(View):
    """`/api/accounts/sessions/<sid>/`: one of the caller's sessions."""

    scopes = {"DELETE": "account"}

    @extend_schema(request=None, responses={204: None}, operation_id="end_session")
    def delete(self, request: Request, sid: UUID) -> Response:
        """End one of the caller's sessions; its tokens are refused everywhere within seconds."""
        caller = current_user(request)
        own = Session.objects.of_user(caller.sub).unexpired().filter(pk=sid)
        if not sessions.end(own, reason="log-out", by=caller):
            raise Problem(NOT_FOUND)
        return Response(status=204)


class OwnPassword(View):
    """`/api/accounts/me/password/`: the caller's password."""

    scopes = {"POST": "account"}
    problems = {"POST": (404, 429)}

    @extend_schema(request=serializers.PasswordChange, responses=serializers.Empty, operation_id="change_password")
    def post(self, request: Request) -> Response:
        """Change the caller's password; every other session ends."""
        change = read(serializers.PasswordChange, request.data)
        credentials.change_password(find_own_user(request), **change, by=current_user(request))
        return Response({})


def token_response(tokens: TokenPair) -> Response:
    body = {**tokens._asdict(), "token_type": "Bearer"}
    return Response(body, headers={"Cache-Control": "no-store"})


def find_own_user(request: Request) -> User:
    """The caller's row; a client has none, and neither has a user who was deleted just now."""
    try:
        return User.objects.get(pk=current_user(request).sub, is_active=True)
    except (User.DoesNotExist, ValidationError) as error:
        raise Problem(NOT_FOUND) from error


def write_user(user: User) -> dict[str, Any]:
    roles = list(user.roles.all())
    return {
        "id": user.pk,
        "email": user.email,
        "name": user.name,
        "roles": [role.name for role in roles],
        "scopes": combined_scopes(roles),
        "created_at": user.created_at,
    }


def write_session(row: dict[str, Any], own: str) -> dict[str, Any]:
    """A session as clients read it; `current` is the one that asks."""
    last_used = row.pop("rotated_at")
    return {**row, "last_used_at": last_used, "current": str(row["id"]) == own}
