"""What clients call: token (RFC 6749), revocation (RFC 7009), introspection (RFC 7662)."""

import binascii
from base64 import b64decode
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_plus

import orjson
from django.conf import settings
from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from structlog.contextvars import bind_contextvars

from accounts.api import operations
from accounts.issuing import status_lists
from accounts.issuing.tokens import RefreshClaims, read_refresh
from accounts.login import sessions
from accounts.login.sessions import Origin
from accounts.models import Client, Session
from accounts.oauth import client_authentication, clients, grants, parameters
from accounts.oauth.client_authentication import ASSERTION, Credentials
from accounts.oauth.clients import InvalidClient
from accounts.oauth.grants import GrantRefused, TokenRequest
from tokens.errors import IssuerUnavailable, TokenRefused
from tokens.verification import FIRST_PARTY, Claims, verify
from wire.api.views import public
from wire.events import Named


class OAuthError(Exception):
    """An error by RFC 6749 5.2."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error, self.description, self.status = error, description, status


def endpoint(view: Callable[[HttpRequest], dict[str, Any]]) -> Callable[[HttpRequest], HttpResponse]:
    """Answer a form that was posted as RFC 6749 wants it, errors too; cookies mean nothing here."""

    @public
    def wrapper(request: HttpRequest) -> HttpResponse:
        try:
            check_form(request)
            return oauth_response(200, view(request))
        except GrantRefused as error:
            return oauth_error(400, error.error, error.description)
        except OAuthError as error:
            return oauth_error(error.status, error.error, error.description)
        except InvalidClient:
            return oauth_error(401, "invalid_client", "There is no such client, or its secret is another.")
        except (IssuerUnavailable, OperationalError, InterfaceError) as error:
            bind_contextvars(error=str(error))
            return oauth_error(503, "temporarily_unavailable", "Try again in a moment.")

    wrapper.__doc__ = view.__doc__
    return wrapper


def oauth_error(status: int, error: str, description: str) -> HttpResponse:
    bind_contextvars(reason=error)
    return oauth_response(status, {"error": error, "error_description": description})


HEADERS = {401: {"WWW-Authenticate": 'Basic realm="oauth"'}, 405: {"Allow": "POST"}, 503: {"Retry-After": "5"}}


def oauth_response(status: int, body: dict[str, Any]) -> HttpResponse:
    headers = {"Cache-Control": "no-store", **HEADERS.get(status, {})}
    return HttpResponse(orjson.dumps(body), "application/json", status, headers=headers)


def check_form(request: HttpRequest) -> None:
    """Raise `OAuthError` unless a form was posted in which no parameter stands twice (RFC 6749 3.2).

    What has no value is left out of `POST` from here on.
    """
    if request.method != "POST":
        raise OAuthError("invalid_request", "Use POST.", 405)
    if request.content_type != operations.FORM:
        raise OAuthError("invalid_request", f"Send {operations.FORM}.")

    try:
        request.POST = parameters.given(request.POST)  # type: ignore[assignment]
        repeated = [name for name, values in request.POST.lists() if len(values) > 1 and name != "resource"]
    except (RequestDataTooBig, SuspiciousOperation) as error:
        raise OAuthError("invalid_request", "The form is too large.", 413) from error
    except BadRequest as error:
        raise OAuthError("invalid_request", "The form is not in UTF-8.") from error
    if repeated:
        raise OAuthError("invalid_request", "A parameter stands twice.")
    if any("\0" in value for _, values in request.POST.lists() for value in values):
        raise OAuthError("invalid_request", "A parameter holds a null character.")


def authenticate(request: HttpRequest) -> Client:
    """The client that a form comes from; raises `InvalidClient`."""
    return client_authentication.authenticate(read_credentials(request), endpoint=f"{settings.ISSUER}{request.path}")


def read_credentials(request: HttpRequest) -> Credentials:
    """What a client shows, in HTTP Basic or the form, never in two ways (RFC 6749 2.3); empty where nothing is."""
    scheme, _, encoded = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme and scheme.lower() != "basic":
        raise InvalidClient
    ways = [bool(scheme), "client_secret" in request.POST, "client_assertion" in request.POST]
    if sum(ways) > 1:
        raise OAuthError("invalid_request", "Authenticate in one way only.")

    found = Credentials(*read_basic(encoded)) if scheme else read_form(request)
    if scheme and request.POST.get("client_id") not in (None, found.client_id):
        raise OAuthError("invalid_request", "client_id is another client's than the one that authenticates.")

    bind_contextvars(client_id=found.client_id[:64])
    return found


def read_form(request: HttpRequest) -> Credentials:
    assertion = request.POST.get("client_assertion", "")
    if assertion and request.POST.get("client_assertion_type") != ASSERTION:
        raise InvalidClient

    return Credentials(request.POST.get("client_id", ""), request.POST.get("client_secret", ""), assertion)


def read_basic(encoded: str) -> tuple[str, str]:
    try:
        client_id, colon, secret = b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as error:
        raise InvalidClient from error

    # Both halves were form-encoded before they were joined (RFC 6749 2.3.1).
    client_id = unquote_plus(client_id)
    if not colon or "\0" in client_id:
        raise InvalidClient

    return client_id, unquote_plus(secret)


@endpoint
def token(request: HttpRequest) -> dict[str, Any]:
    """Give a client tokens for what it shows (RFC 6749 3.2)."""
    client = authenticate(request)
    form = {name: value for name, value in request.POST.items() if isinstance(value, str)}
    origin = Origin.of_request(request, client.pk)
    return grants.give_tokens(TokenRequest(client, form, request.POST.getlist("resource"), origin))


@endpoint
def revoke(request: HttpRequest) -> dict[str, Any]:
    """Revoke a token that was issued to the caller (RFC 7009); one that is not valid any more is fine."""
    caller, text = find_caller(request), read_token(request)
    found = find_owner(text)
    if not found:
        return {}
    if found.client_id != caller:
        raise OAuthError("unauthorized_client", "That token was issued to another client.")

    if found.sid:
        sessions.end(Session.objects.filter(pk=found.sid), reason="revoked", by=found)
    else:
        clients.revoke_tokens(Client.objects.get(pk=found.client_id), by=found)
    return {}


def find_caller(request: HttpRequest) -> str:
    """The id of the client that revokes: a registered client, or a first party, which has no secret."""
    client_id = request.POST.get("client_id", "")
    is_first_party = client_id in FIRST_PARTY and read_credentials(request) == Credentials(client_id)
    return client_id if is_first_party else authenticate(request).pk


def read_token(request: HttpRequest) -> str:
    text = request.POST.get("token", "")
    if not text:
        raise OAuthError("invalid_request", "token is missing.")

    return text


def find_owner(text: str) -> Named | None:
    """Whose a valid access token is, or a refresh token of a session that is alive, even if it was used."""
    claims = find_access_token(text)
    if claims and "act" in claims:
        raise OAuthError("unsupported_token_type", "An exchanged token ends with the one that it was exchanged for.")

    if claims:
        return Named(claims["sub"], claims["client_id"], claims.get("sid", ""))

    found = find_session(text)
    return Named(str(found[0].user_id), found[0].client_id, str(found[0].pk)) if found else None


def find_access_token(text: str) -> Claims | None:
    """The claims of a valid access token."""
    try:
        claims = verify(text, None, any_audience=True)
    except TokenRefused:
        return None
    # The table is asked, since the list may be some seconds old.
    return claims if status_lists.is_valid(claims["status"]) else None


def find_session(text: str) -> tuple[Session, RefreshClaims] | None:
    """The session of a refresh token, if it is alive, and what the token says, even if it was used."""
    try:
        claims = read_refresh(text)
    except TokenRefused:
        return None
    session = Session.objects.alive().filter(pk=claims.session_id, user__is_active=True).first()
    return (session, claims) if session else None


MEMBERS = ("iss", "sub", "aud", "client_id", "iat", "exp", "jti", "scope")
PROOF = ("act", "acr", "auth_time")
"""Who acts (RFC 8693 4.1), and how and when a person proved who they are (RFC 9470 6.2), where the token says it."""


@endpoint
def introspect(request: HttpRequest) -> dict[str, Any]:
    """Inform a client about a token (RFC 7662): one of its own, or an access token for a service that it may call."""
    client, text = authenticate(request), read_token(request)
    if client.is_public:
        raise InvalidClient

    claims = find_access_token(text)
    if not claims:
        return describe_refresh(text, client)
    if claims["client_id"] != client.pk and set(claims["aud"]).isdisjoint(client.audience):
        return {"active": False}

    # Only where the token names them: an empty name would make one account of many people at who looks there.
    more = {"username": claims["email"]} if claims.get("email") else {}
    more |= {name: claims[name] for name in PROOF if name in claims}
    return {"active": True, **{name: claims[name] for name in MEMBERS}, "token_type": "Bearer", **more}


def describe_refresh(text: str, client: Client) -> dict[str, Any]:
    """A refresh token, to the client that it was issued to alone, without a type: nothing takes it as a bearer's."""
    found = find_session(text)
    if not found or found[0].client_id != client.pk or not sessions.is_in_use(*found):
        return {"active": False}

    session, _ = found
    scope, sub = " ".join(session.scopes or ()), str(session.user_id)
    return {"active": True, "iss": settings.ISSUER, "sub": sub, "client_id": client.pk, "scope": scope}


introspect.only_reads = True  # type: ignore[attr-defined]
for view, operation in ((token, operations.TOKEN), (revoke, operations.REVOKE), (introspect, operations.INTROSPECT)):
    view.operations = {"post": operation}  # type: ignore[attr-defined]
