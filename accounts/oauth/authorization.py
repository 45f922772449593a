"""The request of an app that sends somebody here (RFC 6749 4.1.1), checked before anybody is asked anything."""

import re
from collections.abc import Collection
from typing import NamedTuple
from urllib.parse import urlencode

from django.conf import settings
from django.http import QueryDict

from accounts.issuing.id_tokens import read_id_token
from accounts.models import Client
from accounts.models.redirects import is_registered
from accounts.oauth import app_scopes
from accounts.oauth.app_scopes import Access, InvalidScope, InvalidTarget
from tokens.errors import TokenRefused
from tokens.jws import MAX_LENGTH

CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
PROMPTS = frozenset({"none", "login", "consent", "select_account"})
NOT_TAKEN = {
    "request": "request_not_supported",
    "request_uri": "request_uri_not_supported",
    "registration": "registration_not_supported",
}
"""What is refused by name (OpenID Connect Core 3.1.2.6): a request may not bring its own rules."""
REPEATABLE = frozenset({"resource"})
LONGEST = MAX_LENGTH
"""Characters of one parameter: `id_token_hint` is a token."""


class UnknownApp(Exception):
    """There is no such app, or it is not to be sent back there: nobody is sent anywhere."""


class AuthorizationRefused(Exception):
    """An error that the app is told, at its own address (RFC 6749 4.1.2.1)."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error, self.description = error, description


class Return(NamedTuple):
    """Where a browser goes back to, and what the app wants to read there."""

    app: Client
    address: str
    state: str

    def write(self, **answer: str) -> str:
        """The address with an answer, and who gives it (RFC 9207)."""
        fields = {**answer, **({"state": self.state} if self.state else {}), "iss": settings.ISSUER}
        return f"{self.address}{'&' if '?' in self.address else '?'}{urlencode(fields)}"

    def refuse(self, error: AuthorizationRefused) -> str:
        return self.write(error=error.error, error_description=error.description)


class AuthorizationRequest(NamedTuple):
    """What an app asks for."""

    access: Access
    challenge: str
    nonce: str
    prompts: frozenset[str]
    max_age: int | None
    acr_values: list[str]
    meant: str
    """The `sub` of whom the app means, by an ID token that it had before; empty for whoever is there."""


def read_return(query: QueryDict) -> Return:
    """Where to send the browser back; raises `UnknownApp` unless the app has registered the very address."""
    client_id, address = single(query, "client_id"), single(query, "redirect_uri")
    if not client_id or "\0" in client_id:
        raise UnknownApp("The address does not say which app it is.")

    app = Client.objects.filter(pk=client_id, is_active=True).first()
    if not app or not app.is_app:
        raise UnknownApp("There is no such app here.")
    if not address or not is_registered(address, app.redirect_uris):
        raise UnknownApp("The app has not registered the address to which it wants to send you back.")

    return Return(app, address, single(query, "state") or "")


def single(query: QueryDict, name: str) -> str | None:
    """A parameter that stands once; None for one that is missing, or there twice."""
    values = query.getlist(name)
    return values[0] if len(values) == 1 and len(values[0]) <= LONGEST else None


def read_request(app: Client, query: QueryDict) -> AuthorizationRequest:
    """What an app asks for; raises `AuthorizationRefused`."""
    check_parameters(query)
    prompts = frozenset(query.get("prompt", "").split())
    if not prompts <= PROMPTS or ("none" in prompts and len(prompts) > 1):
        raise AuthorizationRefused(
            "invalid_request", "prompt is none alone, or some of login, consent, select_account."
        )

    return AuthorizationRequest(
        read_access(app, query),
        read_challenge(query),
        query.get("nonce", ""),
        prompts,
        read_age(query.get("max_age", "")),
        query.get("acr_values", "").split(),
        read_hint(app, query.get("id_token_hint", "")),
    )


def check_parameters(query: QueryDict) -> None:
    for name, error in NOT_TAKEN.items():
        if name in query:
            raise AuthorizationRefused(error, f"{name} is not taken.")
    for name, values in query.lists():
        if len(values) > 1 and name not in REPEATABLE:
            raise AuthorizationRefused("invalid_request", "A parameter stands twice.")
        if any(len(value) > LONGEST or "\0" in value for value in values):
            raise AuthorizationRefused("invalid_request", "A parameter is too long, or holds a null character.")
    check_answer(query)


def check_answer(query: QueryDict) -> None:
    """The answer is a code, in the address: nothing else is offered."""
    if not query.get("response_type"):
        raise AuthorizationRefused("invalid_request", "response_type is missing.")
    if query["response_type"] != "code":
        raise AuthorizationRefused("unsupported_response_type", "response_type is code.")
    if query.get("response_mode", "query") != "query":
        raise AuthorizationRefused("invalid_request", "response_mode is query.")
    if len(query.get("nonce", "")) > 255:
        raise AuthorizationRefused("invalid_request", "nonce has at most 255 characters.")


def read_challenge(query: QueryDict) -> str:
    """The challenge of PKCE, which every app sends (RFC 7636 4.3, RFC 9700 2.1.1)."""
    challenge = query.get("code_challenge", "")
    if query.get("code_challenge_method") != "S256" or not CHALLENGE.fullmatch(challenge):
        raise AuthorizationRefused(
            "invalid_request", "code_challenge is missing, or code_challenge_method is not S256."
        )

    return challenge


def read_age(text: str) -> int | None:
    if text and not re.fullmatch("[0-9]{1,9}", text, re.ASCII):
        raise AuthorizationRefused("invalid_request", "max_age is a number of seconds.")

    return int(text) if text else None


def read_hint(app: Client, text: str) -> str:
    """Whom an ID token is about; raises `AuthorizationRefused` for one that was not issued to the app."""
    if not text:
        return ""
    try:
        claims = read_id_token(text)
    except TokenRefused as error:
        raise AuthorizationRefused("invalid_request", "id_token_hint is no ID token of ours.") from error
    if claims["aud"] != app.pk:
        raise AuthorizationRefused("invalid_request", "id_token_hint was issued to another app.")

    return str(claims["sub"])


def read_access(app: Client, query: QueryDict) -> Access:
    resources: Collection[str] = query.getlist("resource")
    try:
        return app_scopes.choose_access(app, query.get("scope", ""), app_scopes.read_services(resources))
    except InvalidTarget as error:
        raise AuthorizationRefused("invalid_target", str(error)) from error
    except InvalidScope as error:
        raise AuthorizationRefused("invalid_scope", "The app may ask for none of these scopes.") from error
