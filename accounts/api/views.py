"""Log-in, refresh, verify, log-out, and a person's own account and sessions, over the API."""

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from rest_framework.exceptions import NotAuthenticated
from rest_framework.exceptions import ValidationError as InvalidFields
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import serializers
from accounts.factors import two_steps
from accounts.factors.freshness import check_strongest
from accounts.login import sessions
from accounts.login.sessions import Origin, TokenPair
from accounts.models import Session, User, combined_scopes
from accounts.people import credentials, deletion, email_addresses, profile, registration
from tokens.authentication import read_bearer
from tokens.permissions import OPEN, InsufficientScope, check_recent
from tokens.scopes import SERVICES
from tokens.user import TokenUser, current_user
from tokens.verification import verify
from wire.api.problems import NOT_FOUND, Problem
from wire.api.serializers import read
from wire.api.views import View, operation
from wire.keyset import Ordering, paginate
from wire.page_links import write_page
from wire.queries import PageQuery

API_CLIENT = "api"
LATEST = Ordering("latest", ("rotated_at", "id"), descending=True)
SESSION_FIELDS = ("id", "client_id", "device", "address", "created_at", "rotated_at", "expires_at")


class LogIn(View):
    """`POST /api/token/`: a password for a pair of tokens."""

    scopes = OPEN
    problems = {"POST": (401, 429)}

    @operation(request=serializers.Credentials, responses=serializers.GrantAnswer, operation_id="log_in")
    def post(self, request: Request) -> Response:
        """Log in with e-mail address and password; who has a second factor goes on to `second-factor/`."""
        data = read(serializers.Credentials, request.data)
        return token_response(two_steps.log_in(**data, origin=Origin.of_request(request, API_CLIENT)))


class RefreshTokens(View):
    """`POST /api/token/refresh/`: a refresh token for the next pair."""

    scopes = OPEN
    problems = {"POST": (401,)}

    @operation(request=serializers.RefreshRequest, responses=serializers.GrantAnswer, operation_id="refresh")
    def post(self, request: Request) -> Response:
        """Renew the tokens; the refresh token given is used up."""
        token = read(serializers.RefreshRequest, request.data)["refresh"]
        return token_response(sessions.refresh(token, client_id=API_CLIENT))


class Verify(View):
    """`/api/token/verify/`: whether an access token is to be believed now."""

    scopes = OPEN
    queries = {"GET": serializers.WantedToken}
    problems = {"GET": ("invalid-request", "invalid-token", "not-authenticated", "insufficient-scope"), "POST": (401,)}
    only_reads = True

    @operation(responses=serializers.Empty, operation_id="check_bearer")
    def get(self, request: Request) -> Response:
        """Check the bearer's token for a service, as a gateway asks (`auth_request` of nginx)."""
        check_bearer(request, **self.query)
        return Response({})

    @operation(request=serializers.VerifyRequest, responses=serializers.Empty, operation_id="verify")
    def post(self, request: Request) -> Response:
        """Verify an access token."""
        verify(read(serializers.VerifyRequest, request.data)["token"], None, any_audience=True)
        return Response({})


def check_bearer(request: Request, *, audience: str = "", scope: str = "") -> None:
    """Raise whatever a service would answer to a request that needs a scope."""
    if audience not in SERVICES:
        raise InvalidFields({"audience": [f"It is one of: {', '.join(SERVICES)}."]})

    token = read_bearer(request)
    if token is None:
        raise NotAuthenticated
    carried = TokenUser(verify(token, audience)).scopes
    if not {*scope.split()} <= carried:
        raise InsufficientScope(scope)


class LogOut(View):
    """`POST /api/token/blacklist/`: the end of a session, at every service."""

    scopes = OPEN
    problems = {"POST": (401,)}

    @operation(request=serializers.RefreshRequest, responses=serializers.Empty, operation_id="log_out")
    def post(self, request: Request) -> Response:
        """Log out: end the session of a refresh token."""
        sessions.log_out(read(serializers.RefreshRequest, request.data)["refresh"])
        return Response({})


class Register(View):
    """`POST /api/accounts/register/`: a new customer."""

    scopes = OPEN
    problems = {"POST": ("email-taken", 429)}

    @operation(request=serializers.Registration, responses={201: serializers.Me}, operation_id="register")
    def post(self, request: Request) -> Response:
        """Register with e-mail address, password and name."""
        data = read(serializers.Registration, request.data)
        return Response(write_user(registration.register(**data, address=request.META.get("REMOTE_ADDR"))), 201)


class OwnAccount(View):
    """`/api/accounts/me/`: the user whose token it is."""

    scopes = {"GET": "account", "PATCH": "account", "DELETE": "account"}
    problems = {
        "GET": (404,),
        "PATCH": (404, 429),
        "DELETE": (404, "insufficient-user-authentication", "last-manager", 429),
    }

    @operation(responses=serializers.Me, operation_id="read_me")
    def get(self, request: Request) -> Response:
        """Read the account of the caller."""
        return Response(write_user(find_own_user(request)))

    @operation(request=serializers.Profile, responses=serializers.Me, operation_id="change_me")
    def patch(self, request: Request) -> Response:
        """Change the caller's name; tokens carry it from the next refresh on."""
        user = find_own_user(request)
        profile.rename(user, by=current_user(request), **read(serializers.Profile, request.data))
        return Response(write_user(user))

    @operation(request=serializers.Confirmation, responses={204: None}, operation_id="delete_me")
    def delete(self, request: Request) -> Response:
        """Delete the account of the caller for good; orders keep the name they were placed under."""
        confirmation = read(serializers.Confirmation, request.data)
        deletion.delete_own(find_proven_user(request), **confirmation, by=current_user(request))
        return Response(status=204)


class OwnEmail(View):
    """`/api/accounts/me/email/`: the caller's e-mail address, used to log in."""

    scopes = {"POST": "account", "DELETE": "account"}
    problems = {"POST": (404, "email-taken", "insufficient-user-authentication", 429), "DELETE": (404,)}

    @operation(request=serializers.EmailChange, responses=serializers.Me, operation_id="change_email")
    def post(self, request: Request) -> Response:
        """Ask for another e-mail address; it is the caller's once it is confirmed by the link that is mailed to it."""
        change, user = read(serializers.EmailChange, request.data), find_proven_user(request)
        email_addresses.change_email(user, **change, by=current_user(request))
        return Response(write_user(user))

    @operation(request=None, responses={204: None}, operation_id="keep_email")
    def delete(self, request: Request) -> Response:
        """Take a change of e-mail address back that is not confirmed yet; its link does not work any more."""
        email_addresses.set_pending(find_own_user(request), "", by=current_user(request))
        return Response(status=204)


class ConfirmEmail(View):
    """`/api/accounts/me/email/verify/`: what a mailed link is for, in an app."""

    scopes = {"POST": "account"}
    problems = {"POST": (404, "email-taken")}

    @operation(request=serializers.EmailConfirmation, responses=serializers.Me, operation_id="verify_email")
    def post(self, request: Request) -> Response:
        """Confirm an e-mail address by the last part of the mailed link; the next refresh brings `orders:write`.

        After a change every other session ends.
        """
        token, user = read(serializers.EmailConfirmation, request.data)["token"], find_own_user(request)
        email_addresses.confirm(user, token, by=current_user(request))
        return Response(write_user(user))


class ResendLink(View):
    """`/api/accounts/me/email/resend/`: the mail with the link once more."""

    scopes = {"POST": "account"}
    problems = {"POST": (404, 429)}

    @operation(request=None, responses=serializers.Me, operation_id="resend_email_link")
    def post(self, request: Request) -> Response:
        """Mail the link again that confirms an e-mail address; nothing is sent if there is nothing to confirm."""
        user = find_own_user(request)
        email_addresses.send_again(user)
        return Response(write_user(user))


class OwnSessions(View):
    """`/api/accounts/sessions/`: where the caller is logged in."""

    scopes = {"GET": "account", "DELETE": "account"}
    queries = {"GET": PageQuery}
    problems = {"DELETE": ("insufficient-user-authentication",)}

    @operation(responses=serializers.SessionList, operation_id="list_sessions")
    def get(self, request: Request) -> Response:
        """List the caller's active sessions, the latest used first."""
        caller = current_user(request)
        page = paginate(
            Session.objects.of_user(caller.sub).alive().unexpired().values(*SESSION_FIELDS),
            LATEST,
            filters=caller.sub,
            **self.query,
        )
        return Response(write_page(request, page, [write_session(row, caller.sid) for row in page.rows]))

    @operation(request=None, responses={204: None}, operation_id="end_other_sessions")
    def delete(self, request: Request) -> Response:
        """End all of the caller's sessions but this one; the log-in may be 15 minutes old at most."""
        caller = current_user(request)
        check_recent(caller)
        sessions.end(Session.objects.of_user(caller.sub, but=caller.sid), reason="log-out", by=caller)
        return Response(status=204)


class OwnSession(View):
    """`/api/accounts/sessions/<sid>/`: one of the caller's sessions."""

    scopes = {"DELETE": "account"}
    problems = {"DELETE": ("insufficient-user-authentication",)}

    @operation(request=None, responses={204: None}, operation_id="end_session")
    def delete(self, request: Request, sid: UUID) -> Response:
        """End one of the caller's sessions; its tokens are refused everywhere within seconds. To end another than this
        one, the log-in may be 15 minutes old at most."""
        caller = current_user(request)
        if str(sid) != caller.sid:
            check_recent(caller)
        own = Session.objects.of_user(caller.sub).unexpired().filter(pk=sid)
        if not sessions.end(own, reason="log-out", by=caller):
            raise Problem(NOT_FOUND)
        return Response(status=204)


class OwnPassword(View):
    """`/api/accounts/me/password/`: the caller's password."""

    scopes = {"POST": "account"}
    problems = {"POST": (404, "insufficient-user-authentication", 429)}

    @operation(request=serializers.PasswordChange, responses=serializers.Empty, operation_id="change_password")
    def post(self, request: Request) -> Response:
        """Change the caller's password; every other session ends."""
        change = read(serializers.PasswordChange, request.data)
        credentials.change_password(find_proven_user(request), **change, by=current_user(request))
        return Response({})


def token_response(tokens: TokenPair) -> Response:
    body = {**tokens._asdict(), "token_type": "Bearer"}
    return Response(body, headers={"Cache-Control": "no-store"})


def find_own_user(request: Request) -> User:
    """The caller's row; raises `Problem` for a client, which has none, and for a user who was deleted just now."""
    try:
        return User.objects.get(pk=current_user(request).sub, is_active=True)
    except (User.DoesNotExist, ValidationError) as error:
        raise Problem(NOT_FOUND) from error


def write_user(user: User) -> dict[str, Any]:
    roles = list(user.roles.all())
    return {
        "id": user.pk,
        "email": user.email,
        "email_verified": user.email_verified_at is not None,
        "pending_email": user.pending_email or None,
        "name": user.name,
        "roles": [role.name for role in roles],
        "scopes": combined_scopes(roles),
        "created_at": user.created_at,
    }


def write_session(row: dict[str, Any], own: str) -> dict[str, Any]:
    """A session as clients read it; `current` is the one that asks."""
    last_used = row.pop("rotated_at")
    return {**row, "last_used_at": last_used, "current": str(row["id"]) == own}


def find_proven_user(request: Request) -> User:
    """As `find_own_user`; raises `NotRecent` where there are two factors, and they were not proven lately."""
    user = find_own_user(request)
    check_strongest(user, by=current_user(request))
    return user
