"""Public documents: keys, status lists, metadata of the server and of the services."""

import hashlib
import time
from typing import Any

import orjson
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils.http import http_date
from django.views.decorators.http import require_safe

from accounts.api import operations
from accounts.issuing import status_lists
from accounts.issuing.keys import is_shared, key_set, signing_algorithms
from accounts.models.clients import ALGORITHMS
from accounts.oauth.app_scopes import identity_scopes, resource_of
from accounts.oauth.grants import GRANTS
from tokens.errors import TokenRefused
from tokens.scopes import APP_SCOPES, CLIENT_SCOPES, SERVICE_OF, SERVICES
from tokens.status_list import MEDIA_TYPE
from wire.api.etags import is_known
from wire.api.views import public

CLAIMS = sorted(
    {"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "at_hash", "sid", "name", "email"}
    | {"email_verified"}
)
"""What an ID token or userinfo may say."""


def public_document(request: HttpRequest, body: bytes, media_type: str, *, cache: str) -> HttpResponse:
    """A document with an ETag; any origin may read it (config.middleware.CorsMiddleware)."""
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    response: HttpResponse = HttpResponseNotModified() if is_known(request, etag) else HttpResponse(body, media_type)
    response["ETag"] = etag
    response["Cache-Control"] = cache
    # Readers compare their clocks with it, and a server's own stands still after this clock was set back.
    response["Date"] = http_date(time.time())
    return response


@public
@require_safe
def jwks(request: HttpRequest) -> HttpResponse:
    """The public keys that tokens are signed with (RFC 7517)."""
    return public_document(request, orjson.dumps(key_set()), "application/json", cache="public, max-age=300")


@public
@require_safe
def token_status(request: HttpRequest, number: int) -> HttpResponse:
    """A list of revoked tokens (draft-ietf-oauth-status-list-20, 8.1), as it is now and not at another `time` (8.4)."""
    if "time" in request.GET:
        return HttpResponse(status=501)

    try:
        token = status_lists.publish_list(number)
    except TokenRefused as error:
        raise Http404 from error
    return public_document(request, token.encode(), MEDIA_TYPE, cache="no-cache")


@public
@require_safe
def metadata(request: HttpRequest) -> HttpResponse:
    """What this authorization server offers, and nothing that it does not (RFC 8414)."""
    return public_document(request, orjson.dumps(describe_server()), "application/json", cache="public, max-age=300")


@public
def openid_metadata(request: HttpRequest) -> HttpResponse:
    """The same, where OpenID Connect Discovery has it."""
    return metadata(request)


def describe_server() -> dict[str, Any]:
    """What is true here; without keys to publish there is no ID token, and so no OpenID Connect."""
    ways = ["client_secret_basic", "client_secret_post", "private_key_jwt"]
    signed_by = {"signing_alg_values_supported": sorted(ALGORITHMS.values())}
    document = {
        "issuer": settings.ISSUER,
        "authorization_endpoint": f"{settings.ISSUER}/oauth/authorize",
        "authorization_response_iss_parameter_supported": True,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint": f"{settings.ISSUER}/oauth/token",
        "grant_types_supported": list(GRANTS),
        "scopes_supported": sorted({*APP_SCOPES, *CLIENT_SCOPES, *identity_scopes()}),
        "acr_values_supported": ["aal1", "aal2"],
        "revocation_endpoint": f"{settings.ISSUER}/oauth/revoke",
        "introspection_endpoint": f"{settings.ISSUER}/oauth/introspect",
        "protected_resources": [resource_of(service) for service in SERVICES],
        "service_documentation": f"{settings.ISSUER}/api/docs/",
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "claims_parameter_supported": False,
    }
    for endpoint, without in (("token", ["none"]), ("revocation", ["none"]), ("introspection", [])):
        document[f"{endpoint}_endpoint_auth_methods_supported"] = [*ways, *without]
        document |= {f"{endpoint}_endpoint_auth_{name}": value for name, value in signed_by.items()}
    return document if is_shared() else {**document, **describe_openid()}


def describe_openid() -> dict[str, Any]:
    """What OpenID Connect Discovery 3 and RP-Initiated Logout 2.1 say beside."""
    return {
        "jwks_uri": f"{settings.ISSUER}/.well-known/jwks.json",
        "userinfo_endpoint": f"{settings.ISSUER}/oauth/userinfo",
        "end_session_endpoint": f"{settings.ISSUER}/oauth/logout",
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": signing_algorithms(),
        "claims_supported": CLAIMS,
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
    }


@public
@require_safe
def protected_resource(request: HttpRequest, service: str) -> HttpResponse:
    """Which server gives tokens for a service, and what they may say (RFC 9728)."""
    if service not in SERVICES:
        raise Http404

    body = orjson.dumps(describe_resource(service))
    return public_document(request, body, "application/json", cache="public, max-age=300")


def describe_resource(service: str) -> dict[str, Any]:
    scopes = {*APP_SCOPES, *CLIENT_SCOPES, *identity_scopes()}
    return {
        "resource": resource_of(service),
        "resource_name": f"Tessera: {service}",
        "authorization_servers": [settings.ISSUER],
        "scopes_supported": sorted(scope for scope in scopes if SERVICE_OF[scope] == service),
        "bearer_methods_supported": ["header"],
        "resource_documentation": f"{settings.ISSUER}/api/docs/",
    }


for view, operation in (
    (jwks, operations.JWKS),
    (token_status, operations.STATUS_LIST),
    (metadata, operations.METADATA),
    (openid_metadata, operations.OPENID_METADATA),
    (protected_resource, operations.PROTECTED_RESOURCE),
):
    view.operations = {"get": operation}  # type: ignore[attr-defined]
