"""What clients exchange for tokens at `/oauth/token`: one function for each grant (RFC 6749 4)."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from django.conf import settings

from accounts.issuing.id_tokens import issue_id_token
from accounts.issuing.tokens import issue_access, issue_refresh, read_refresh, token_scopes
from accounts.login import sessions
from accounts.login.sessions import Origin
from accounts.models import Client, Session
from accounts.models.people import roles_of
from accounts.models.sessions import session_by_id
from accounts.oauth import app_scopes, clients, codes, token_exchange
from accounts.oauth.app_scopes import Access, InvalidScope, InvalidTarget
from accounts.oauth.codes import InvalidCode, Shown
from accounts.oauth.token_exchange import ACCESS_TOKEN, NotExchangeable
from tokens.errors import TokenRefused

Answer = dict[str, Any]


class GrantRefused(Exception):
    """No token is given; `error` is a code of RFC 6749 5.2."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error, self.description = error, description


class TokenRequest(NamedTuple):
    """The form of a client that has proven who it is; each parameter stands there once, but `resource`."""

    client: Client
    form: Mapping[str, str]
    resources: list[str]
    origin: Origin

    def require(self, name: str) -> str:
        if not self.form.get(name):
            raise GrantRefused("invalid_request", f"{name} is missing.")

        return self.form[name]


def give_tokens(request: TokenRequest) -> Answer:
    """The tokens for what a client shows; raises `GrantRefused`."""
    grant = GRANTS.get(request.require("grant_type"))
    if not grant:
        raise GrantRefused("unsupported_grant_type", f"There are: {', '.join(GRANTS)}.")

    try:
        return grant(request)
    except InvalidScope as error:
        raise GrantRefused("invalid_scope", "The client may not carry that scope.") from error
    except InvalidTarget as error:
        raise GrantRefused("invalid_target", str(error)) from error
    except (InvalidCode, TokenRefused) as error:
        raise GrantRefused("invalid_grant", "It is unknown, used, expired, or was given to another client.") from error


def exchange_code(request: TokenRequest) -> Answer:
    """A code for a session of the app (RFC 6749 4.1.3, RFC 7636 4.5)."""
    services = app_scopes.read_services(request.resources)
    shown = Shown(request.form.get("code_verifier", ""), request.form.get("redirect_uri"), services)
    opened = codes.redeem_code(request.require("code"), request.client, shown, origin=request.origin)
    return write_tokens(opened.session, opened.access, nonce=opened.nonce, is_new=True)


def refresh(request: TokenRequest) -> Answer:
    """A refresh token for the next one; what is asked for may be less than was given, never more (RFC 6749 6)."""
    token = request.require("refresh_token")
    session = session_by_id.first(session_id=read_refresh(token).session_id)
    if not session or session.client_id != request.client.pk:
        raise TokenRefused

    services = app_scopes.read_services(request.resources)
    given = Access(session.scopes or [], session.audience or [])
    access = app_scopes.remaining_access(request.client, given, request.form.get("scope", ""), services)
    tokens = sessions.refresh(token, client_id=request.client.pk)
    renewed = session_by_id.first(session_id=session.pk)
    if not renewed:
        raise TokenRefused
    return {**write_tokens(renewed, access), "refresh_token": tokens.refresh}


def write_tokens(session: Session, access: Access, *, nonce: str = "", is_new: bool = False) -> Answer:
    """The answer with the tokens of an app's session."""
    session.scopes, session.audience = access
    roles = roles_of(user_id=session.user_id)
    token = issue_access(session, roles)
    answer: Answer = {
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": int(settings.TOKEN_LIFETIME.total_seconds()),
        "scope": " ".join(token_scopes(session, roles)),
    }
    if is_new and "openid" in access.scopes:
        answer["id_token"] = issue_id_token(session, nonce=nonce, access_token=token)
    if is_new and "offline_access" in access.scopes:
        answer["refresh_token"] = issue_refresh(session)
    return answer


def log_in_client(request: TokenRequest) -> Answer:
    """A client's own credentials for a token of its own (RFC 6749 4.4)."""
    client = request.client
    if client.is_public or not client.scopes:
        raise GrantRefused("unauthorized_client", "The client does nothing by itself.")

    services = app_scopes.read_services(request.resources)
    access, scope = clients.issue_token(client, request.form.get("scope", ""), services)
    lifetime = int(settings.CLIENT_TOKEN_LIFETIME.total_seconds())
    return {"access_token": access, "token_type": "Bearer", "expires_in": lifetime, "scope": scope}


def exchange_persons_token(request: TokenRequest) -> Answer:
    """A person's token for a narrower one (RFC 8693)."""
    if request.client.is_public:
        raise GrantRefused("unauthorized_client", "A public client acts for nobody.")
    if request.require("subject_token_type") != ACCESS_TOKEN:
        raise GrantRefused("invalid_request", f"subject_token_type is {ACCESS_TOKEN}.")
    if request.form.get("requested_token_type", ACCESS_TOKEN) != ACCESS_TOKEN:
        raise GrantRefused("invalid_request", f"requested_token_type is {ACCESS_TOKEN}.")
    if "actor_token" in request.form or "actor_token_type" in request.form:
        raise GrantRefused("invalid_request", "actor_token is not taken: the client itself acts.")

    services, named = app_scopes.read_services(request.resources), request.form.get("audience")
    services = services if named is None else [service for service in services if service == named]
    text, asked = request.require("subject_token"), request.form.get("scope", "")
    try:
        token = token_exchange.exchange_token(request.client, text, asked=asked, services=services)
    except NotExchangeable as error:
        raise GrantRefused("invalid_request", str(error)) from error
    return {
        "access_token": token.text,
        "issued_token_type": ACCESS_TOKEN,
        "token_type": "Bearer",
        "expires_in": token.lifetime,
        "scope": token.scope,
    }


GRANTS: Mapping[str, Callable[[TokenRequest], Answer]] = {
    "authorization_code": exchange_code,
    "refresh_token": refresh,
    "client_credentials": log_in_client,
    "urn:ietf:params:oauth:grant-type:token-exchange": exchange_persons_token,
}
