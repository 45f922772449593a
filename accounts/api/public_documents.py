"""Public documents: keys, status lists, metadata."""

import hashlib
from typing import Any

import orjson
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.views.decorators.http import require_safe

from accounts.issuing import status_lists
from accounts.issuing.keys import is_shared, key_set
from tokens.errors import TokenRefused
from tokens.scopes import CLIENT_SCOPES
from tokens.status_list import MEDIA_TYPE
from wire.etags import is_known
from wire.views import public


def public_document(request: HttpRequest, body: bytes, media_type: str, *, cache: str) -> HttpResponse:
    """A document with an ETag; any origin may read it (config.middleware.CorsMiddleware)."""
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    response: HttpResponse = HttpResponseNotModified() if is_known(request, etag) else HttpResponse(body, media_type)
    response["ETag"] = etag
    response["Cache-Control"] = cache
    return response


@public
@require_safe
def jwks(request: HttpRequest) -> HttpResponse:
    """The public keys that tokens are signed with (RFC 7517)."""
    return public_document(request, orjson.dumps(key_set()), "application/json", cache="public, max-age=300")


@public
@require_safe
def token_status(request: HttpRequest, number: int) -> HttpResponse:
    """A list of revoked tokens (draft-ietf-oauth-status-list-20, 8.1)."""
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


def describe_server() -> dict[str, Any]:
    basic_and_post = ["client_secret_basic", "client_secret_post"]
    document = {
        "issuer": settings.ISSUER,
        "jwks_uri": f"{settings.ISSUER}/.well-known/jwks.json",
        "token_endpoint": f"{settings.ISSUER}/oauth/token",
        "token_endpoint_auth_methods_supported": basic_and_post,
        "grant_types_supported": ["client_credentials"],
        # Required, though there is no authorization endpoint that could respond.
        "response_types_supported": [],
        "scopes_supported": sorted(CLIENT_SCOPES),
        "revocation_endpoint": f"{settings.ISSUER}/oauth/revoke",
        "revocation_endpoint_auth_methods_supported": [*basic_and_post, "none"],
        "introspection_endpoint": f"{settings.ISSUER}/oauth/introspect",
        "introspection_endpoint_auth_methods_supported": basic_and_post,
        "service_documentation": f"{settings.ISSUER}/api/docs/",
    }
    if is_shared():
        del document["jwks_uri"]
    return document
