"""OAuth for machines: token (RFC 6749), revocation (RFC 7009), introspection (RFC 7662), metadata (RFC 8414)."""

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

from accounts.issuing import status_lists
from accounts.issuing.tokens import read_refresh
from accounts.login import sessions
from accounts.models import FIRST_PARTY, Client, Session
from accounts.oauth import clients
from accounts.oauth.clients import InvalidClient, InvalidScope
from tokens.errors import IssuerUnavailable, TokenRefused
from tokens.verification import Claims, is_person, verify
from wire.events import Named
from wire.views import public

FORM = "application/x-www-form-urlencoded"


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
    """Raise `OAuthError` unless a form was posted in which no parameter stands twice (RFC 6749 3.2)."""
    if request.method != "POST":
        raise OAuthError("invalid_request", "Use POST.", 405)
    if request.content_type != FORM:
        raise OAuthError("invalid_request", f"Send {FORM}.")

    try:
        repeated = [name for name, values in request.POST.lists() if len(values) > 1]
    except (RequestDataTooBig, SuspiciousOperation) as error:
        raise OAuthError("invalid_request", "The form is too large.", 413) from error
    except BadRequest as error:
        raise OAuthError("invalid_request", "The form is not in UTF-8.") from error
    if repeated:
        raise OAuthError("invalid_request", "A parameter stands twice.")
    if any("\0" in value for value in request.POST.values()):
        raise OAuthError("invalid_request", "A parameter holds a null character.")


def read_credentials(request: HttpRequest) -> tuple[str, str]:
    """The client's id and secret, from HTTP Basic or the form, never both (RFC 6749 2.3.1); empty where none is."""
    scheme, _, encoded = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme and scheme.lower() != "basic":
        raise InvalidClient
    if scheme and "client_secret" in request.POST:
        raise OAuthError("invalid_request", "Authenticate in one way only.")

    client_id, secret = (
        read_basic(encoded) if scheme else (request.POST.get("client_id", ""), request.POST.get("client_secret", ""))
    )
    bind_contextvars(client_id=client_id[:64])
    return client_id, secret


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
    """Log a client in with its own credentials (RFC 6749 4.4)."""
    client = clients.authenticate(*read_credentials(request))
    grant_type = request.POST.get("grant_type")
    if not grant_type:
        raise OAuthError("invalid_request", "grant_type is missing.")
    if grant_type != "client_credentials":
        raise OAuthError("unsupported_grant_type", "Only client_credentials is offered.")

    try:
        access, scope = clients.issue_token(client, request.POST.get("scope", ""))
    except InvalidScope as error:
        raise OAuthError("invalid_scope", "The client may not carry that scope.") from error
    lifetime = int(settings.CLIENT_TOKEN_LIFETIME.total_seconds())
    return {"access_token": access, "token_type": "Bearer", "expires_in": lifetime, "scope": scope}


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
    client_id, secret = read_credentials(request)
    return client_id if client_id in FIRST_PARTY and not secret else clients.authenticate(client_id, secret).pk


def read_token(request: HttpRequest) -> str:
    text = request.POST.get("token", "")
    if not text:
        raise OAuthError("invalid_request", "token is missing.")

    return text


def find_owner(text: str) -> Named | None:
    """Whose a valid access token is, or a refresh token of a session that is alive, even if it was used."""
    claims = find_access_token(text)
    return Named(claims["sub"], claims["client_id"], claims.get("sid", "")) if claims else find_refresh_owner(text)


def find_access_token(text: str) -> Claims | None:
    """The claims of a valid access token."""
    try:
        claims = verify(text, None, any_audience=True)
    except TokenRefused:
        return None
    # The table is asked, since the list may be some seconds old.
    return claims if status_lists.is_valid(claims["status"]) else None


def find_refresh_owner(text: str) -> Named | None:
    try:
        claims = read_refresh(text)
    except TokenRefused:
        return None
    session = Session.objects.alive().filter(pk=claims.session_id, user__is_active=True).first()
    return Named(str(session.user_id), session.client_id, str(session.pk)) if session else None


MEMBERS = ("iss", "sub", "aud", "client_id", "iat", "exp", "jti", "scope")


@endpoint
def introspect(request: HttpRequest) -> dict[str, Any]:
    """Inform a client about an access token, if both are meant for the same service (RFC 7662).

    A refresh token is active to the client that it was issued to alone; to a registered one none is.
    """
    client, text = clients.authenticate(*read_credentials(request)), read_token(request)
    claims = find_access_token(text)
    if claims is None or set(claims["aud"]).isdisjoint(client.audience):
        return {"active": False}

    username = {"username": claims.get("email", "")} if is_person(claims["sub"]) else {}
    return {"active": True, **{name: claims[name] for name in MEMBERS}, "token_type": "Bearer", **username}


introspect.only_reads = True  # type: ignore[attr-defined]
