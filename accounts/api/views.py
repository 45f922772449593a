"""The doors of accounts: log-in, refresh, verify, log-out, oneself, and what verifiers fetch."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.serializers import (
    Confirmation,
    Credentials,
    EmailChange,
    Empty,
    GrantAnswer,
    Me,
    PasswordChange,
    Profile,
    RefreshRequest,
    Registration,
    SessionList,
    VerifyRequest,
)
from accounts.login import sessions, throttling
from accounts.login.sessions import Grant, Origin
from accounts.models import User, granted
from accounts.people import registration
from tokens.errors import TokenRefused
from tokens.permissions import OPEN
from tokens.user import current_user
from tokens.verification import verify
from wire.keyset import Ordering, paginate
from wire.page_links import read_limit, write_page
from wire.problems import Conflict, NotFound, Problem
from wire.schema import PAGE
from wire.serializers import read
from wire.views import View

API_CLIENT = "api"
LATEST = Ordering("latest", ("rotated_at", "id"), descending=True)
SESSION_FIELDS = ("id", "client_id", "device", "address", "created_at", "rotated_at", "expires_at")


class CredentialsRefused(Problem):
    """No active user has that e-mail address and that password."""

    status_code = 401
    challenge = "Bearer"
    default_code = "invalid-credentials"
    default_detail = "There is no account with that e-mail address and password."


class Throttled(Problem):
    """Logging in failed too often, for this account or from this address."""

    status_code = 429
    default_code = "throttled"

    def __init__(self, error: throttling.TooManyFailures) -> None:
        super().__init__(str(error))
        self.retry_after = error.retry_after


class EmailTaken(Conflict):
    """Somebody registered with that address before."""

    default_code = "email-taken"
    default_detail = "That e-mail address is taken."


class LogIn(View):
    """`POST /api/token/`: a password for a pair of tokens."""

    scopes = OPEN
    problems = {"POST": (401, 429)}

    @extend_schema(request=Credentials, responses=GrantAnswer, operation_id="log_in")
    def post(self, request: Request) -> Response:
        """Log in with e-mail address and password."""
        data = read(Credentials, request.data)
        try:
            grant = sessions.log_in(data["email"], data["password"], origin_of(request, API_CLIENT))
        except sessions.InvalidCredentials as error:
            raise CredentialsRefused from error
        except throttling.TooManyFailures as error:
            raise Throttled(error) from error
        return answer_grant(grant)


class RefreshTokens(View):
    """`POST /api/token/refresh/`: a refresh token for the next pair."""

    scopes = OPEN
    problems = {"POST": (401,)}

    @extend_schema(request=RefreshRequest, responses=GrantAnswer, operation_id="refresh")
    def post(self, request: Request) -> Response:
        """Renew the tokens; the refresh token given is used up."""
        data = read(RefreshRequest, request.data)
        try:
            grant = sessions.refresh(data["refresh"], client_id=API_CLIENT)
        except sessions.RefreshRefused as error:
            raise TokenRefused(str(error)) from error
        return answer_grant(grant)


class Verify(View):
    """`POST /api/token/verify/`: whether an access token is to be believed now, by whomever it is meant for."""

    scopes = OPEN
    problems = {"POST": (401,)}
    only_reads = True

    @extend_schema(request=VerifyRequest, responses=Empty, operation_id="verify")
    def post(self, request: Request) -> Response:
        """Verify an access token."""
        verify(read(VerifyRequest, request.data)["token"], None, any_audience=True)
        return Response({})


class LogOut(View):
    """`POST /api/token/blacklist/`: the end of a session, at every service."""

    scopes = OPEN
    problems = {"POST": (401,)}

    @extend_schema(request=RefreshRequest, responses=Empty, operation_id="log_out")
    def post(self, request: Request) -> Response:
        """Log out: end the session of a refresh token."""
        try:
            sessions.log_out(read(RefreshRequest, request.data)["refresh"])
        except sessions.RefreshRefused as error:
            raise TokenRefused(str(error)) from error
        return Response({})


class Register(View):
    """`POST /api/accounts/register/`: a new customer."""

    scopes = OPEN
    problems = {"POST": (409,)}

    @extend_schema(request=Registration, responses={201: Me}, operation_id="register")
    def post(self, request: Request) -> Response:
        """Register with e-mail address, password and name."""
        data = read(Registration, request.data)
        try:
            user = registration.register(**data)
        except registration.EmailTaken as error:
            raise EmailTaken from error
        except ValidationError as error:
            raise invalid("password", error) from error
        return Response(write_me(user), 201)


class Myself(View):
    """`/api/accounts/me/`: the user whose token it is."""

    scopes = {"GET": "account", "PATCH": "account", "DELETE": "account"}
    problems = {"GET": (404,), "PATCH": (404,), "DELETE": (404, 429)}

    @extend_schema(responses=Me, operation_id="read_me")
    def get(self, request: Request) -> Response:
        """Read oneself."""
        return Response(write_me(find_me(request)))

    @extend_schema(request=Profile, responses=Me, operation_id="change_me")
    def patch(self, request: Request) -> Response:
        """Change one's name; tokens carry it from the next refresh on."""
        user = find_me(request)
        registration.rename(user, by=current_user(request), **read(Profile, request.data))
        return Response(write_me(user))

    @extend_schema(request=Confirmation, responses={204: None}, operation_id="delete_me")
    def delete(self, request: Request) -> Response:
        """Delete oneself for good; orders keep the name they were placed under."""
        current = read(Confirmation, request.data)["current_password"]
        with told_wrong_password():
            registration.delete_self(find_me(request), current, by=current_user(request))
        return Response(status=204)


class MyEmail(View):
    """`/api/accounts/me/email/`: one's e-mail address, which one logs in with."""

    scopes = {"POST": "account"}
    problems = {"POST": (404, 409, 429)}

    @extend_schema(request=EmailChange, responses=Me, operation_id="change_email")
    def post(self, request: Request) -> Response:
        """Change one's e-mail address; every other session ends."""
        data, user = read(EmailChange, request.data), find_me(request)
        with told_wrong_password():
            registration.change_email(
                user, data["current_password"], data["email"], sid=current_user(request).sid, by=current_user(request)
            )
        return Response(write_me(user))


class Sessions(View):
    """`/api/accounts/sessions/`: where one is logged in."""

    scopes = {"GET": "account", "DELETE": "account"}

    @extend_schema(parameters=PAGE, responses=SessionList, operation_id="list_sessions")
    def get(self, request: Request) -> Response:
        """List one's living sessions, the latest used first."""
        caller = current_user(request)
        page = paginate(
            sessions.living(caller.sub).values(*SESSION_FIELDS),
            LATEST,
            cursor=request.GET.get("cursor"),
            limit=read_limit(request),
            filters=caller.sub,
        )
        return Response(write_page(request, page, [write_session(row, caller.sid) for row in page.rows]))

    @extend_schema(request=None, responses={204: None}, operation_id="end_other_sessions")
    def delete(self, request: Request) -> Response:
        """End all of one's sessions but this one."""
        sessions.end(
            sessions.others(current_user(request).sub, current_user(request).sid),
            reason="log-out",
            by=current_user(request),
        )
        return Response(status=204)


class OneSession(View):
    """`/api/accounts/sessions/<sid>/`: one of one's sessions."""

    scopes = {"DELETE": "account"}

    @extend_schema(request=None, responses={204: None}, operation_id="end_session")
    def delete(self, request: Request, sid: UUID) -> Response:
        """End one of one's sessions; its tokens are refused everywhere within seconds."""
        own = sessions.living(current_user(request).sub).filter(pk=sid)
        if not sessions.end(own, reason="log-out", by=current_user(request)):
            raise NotFound
        return Response(status=204)


class MyPassword(View):
    """`/api/accounts/me/password/`: one's password."""

    scopes = {"POST": "account"}
    problems = {"POST": (404, 429)}

    @extend_schema(request=PasswordChange, responses=Empty, operation_id="change_password")
    def post(self, request: Request) -> Response:
        """Change one's password; every other session ends."""
        data = read(PasswordChange, request.data)
        with told_wrong_password():
            registration.change_password(
                find_me(request),
                data["current_password"],
                data["new_password"],
                sid=current_user(request).sid,
                by=current_user(request),
            )
        return Response({})


@contextmanager
def told_wrong_password() -> Iterator[None]:
    """Tell what the use cases that ask for the password refuse, by field."""
    try:
        yield
    except throttling.TooManyFailures as error:
        raise Throttled(error) from error
    except registration.WrongPassword as error:
        raise exceptions.ValidationError({"current_password": ["That is not your password."]}) from error
    except registration.EmailTaken as error:
        raise EmailTaken from error
    except ValidationError as error:
        raise invalid("new_password", error) from error


def invalid(field: str, error: ValidationError) -> exceptions.ValidationError:
    return exceptions.ValidationError({field: error.messages})


def origin_of(request: Any, client_id: str) -> Origin:
    """Where a log-in comes from."""
    device = request.META.get("HTTP_USER_AGENT", "").replace("\0", "")
    return Origin(client_id, device, request.META.get("REMOTE_ADDR"))


def answer_grant(grant: Grant) -> Response:
    body = {**grant._asdict(), "token_type": "Bearer"}
    return Response(body, headers={"Cache-Control": "no-store"})


def find_me(request: Request) -> User:
    """The row of who calls; a client has none, and neither has who was deleted just now."""
    try:
        return User.objects.get(pk=current_user(request).sub, is_active=True)
    except (User.DoesNotExist, ValidationError) as error:
        raise NotFound from error


def write_me(user: User) -> dict[str, Any]:
    roles = list(user.roles.all())
    return {
        "id": user.pk,
        "email": user.email,
        "name": user.name,
        "roles": [role.name for role in roles],
        "scopes": granted(roles),
        "created_at": user.created_at,
    }


def write_session(row: dict[str, Any], own: str) -> dict[str, Any]:
    """A session as it leaves; `current` is the one that asks."""
    last_used = row.pop("rotated_at")
    return {**row, "last_used_at": last_used, "current": str(row["id"]) == own}
