"""What the API's document says of `/oauth/*` and `/.well-known/*`, whose shapes are those of their standards."""

from typing import Any, NamedTuple

from wire.api.examples import ALICE

Operation = dict[str, Any]

FORM = "application/x-www-form-urlencoded"
TOKEN_EXAMPLE = "eyJ0eXAiOiJhdCtqd3QiLCAuLi59.eyJpc3MiOiAiLi4uIn0.c2lnbmF0dXJl"  # noqa: S105
TEXT = {"type": "string"}
TEXTS = {"type": "array", "items": TEXT}
NUMBER = {"type": "integer"}
ERROR = {
    "type": "object",
    "description": "An error by RFC 6749 5.2.",
    "required": ["error", "error_description"],
    "properties": {"error": TEXT, "error_description": TEXT},
}
ERRORS = {
    "400": "The form is not as the standard has it.",
    "401": "There is no such client, or its secret is another.",
    "405": "The method is not POST.",
    "408": "The form did not come in time, or broke off.",
    "413": "The form is too large.",
    "500": "Something went wrong here.",
    "503": "Nothing can be said or done for now; `Retry-After` says when.",
}
ERROR_EXAMPLE = {"error": "invalid_request", "error_description": "token is missing."}
HEADERS: dict[str, Any] = {
    "401": {"WWW-Authenticate": {"schema": TEXT}},
    "503": {"Retry-After": {"schema": NUMBER, "description": "Seconds."}},
}
IF_NONE_MATCH = {
    "in": "header",
    "name": "If-None-Match",
    "schema": TEXT,
    "description": "An `ETag`: 304 if it still holds.",
}
BY_POST = {"client_id": TEXT, "client_secret": TEXT, "client_assertion": TEXT, "client_assertion_type": TEXT}


class Form(NamedTuple):
    """A form that a client posts, and the answer to it: schemas, and an example of each."""

    fields: dict[str, Any]
    required: list[str]
    sent: dict[str, Any]
    answer: dict[str, Any]
    answered: dict[str, Any]


class Document(NamedTuple):
    """A public document: its schema, and an example."""

    schema: dict[str, Any]
    example: Any
    media_type: str = "application/json"


def post(operation_id: str, words: str, form: Form) -> Operation:
    """An operation of RFC 6749 and its kin."""
    schema = {"type": "object", "required": form.required, "properties": {**form.fields, **BY_POST}}
    answer = {"application/json": {"schema": form.answer, "example": form.answered}}
    failed = {"application/json": {"schema": ERROR, "example": ERROR_EXAMPLE}}
    return {
        "operationId": operation_id,
        "summary": words.partition(".")[0],
        "description": words,
        "tags": ["oauth"],
        "security": [{"client": []}, {}],
        "requestBody": {"required": True, "content": {FORM: {"schema": schema, "example": form.sent}}},
        "responses": {
            "200": {"description": "It is done, or this is it.", "content": answer},
            **{
                status: {"description": said, "content": failed, "headers": HEADERS.get(status, {})}
                for status, said in ERRORS.items()
            },
        },
    }


def read(operation_id: str, words: str, document: Document) -> Operation:
    """An operation that reads a document, which may be asked for with the ETag that it had."""
    found = {document.media_type: {"schema": document.schema, "example": document.example}}
    return {
        "operationId": operation_id,
        "summary": words.partition(".")[0],
        "description": words,
        "tags": ["public-documents"],
        "security": [],
        "parameters": [IF_NONE_MATCH],
        "responses": {
            "200": {"description": "The document.", "headers": {"ETag": {"schema": TEXT}}, "content": found},
            "304": {"description": "It is as `If-None-Match` says."},
            "500": {"description": "Something went wrong here."},
            "503": {"description": "Nothing can be said for now.", "headers": HEADERS["503"]},
        },
    }


GRANT_TYPES = [
    "authorization_code",
    "refresh_token",
    "client_credentials",
    "urn:ietf:params:oauth:grant-type:token-exchange",
]
TOKEN = post(
    "issue_token",
    "Get tokens for what a client shows. `authorization_code`: an app's code from `/oauth/authorize`, with the "
    "`code_verifier` of PKCE (RFC 7636). `refresh_token`: the next tokens of an app that was given `offline_access`; "
    "the token that is sent is used up. `client_credentials`: a client's token of its own (RFC 6749 4.4); get another "
    "one before it expires. Token exchange (RFC 8693): a person's access token, `subject_token`, for one with which "
    "the client calls a service in their name, with no more scopes and for a minute at most. `resource` narrows the "
    "tokens to services (RFC 8707). A client has a secret, sent by HTTP Basic or in the form, or signs an assertion "
    "(RFC 7523); one that is public has none. `manage.py register_client` registers a client.",
    Form(
        fields={
            "grant_type": {"type": "string", "enum": GRANT_TYPES},
            "code": TEXT,
            "code_verifier": TEXT,
            "redirect_uri": TEXT,
            "refresh_token": TEXT,
            "scope": {
                "type": "string",
                "description": "Words that the client may carry, with spaces between; all, if left out.",
            },
            "resource": TEXT,
            "subject_token": TEXT,
            "subject_token_type": TEXT,
        },
        required=["grant_type"],
        sent={"grant_type": "client_credentials", "scope": "products:read"},
        answer={
            "type": "object",
            "required": ["access_token", "token_type", "expires_in", "scope"],
            "properties": {
                **dict.fromkeys(
                    ("access_token", "token_type", "scope", "refresh_token", "id_token", "issued_token_type"), TEXT
                ),
                "expires_in": NUMBER,
            },
        },
        answered={
            "access_token": TOKEN_EXAMPLE,
            "token_type": "Bearer",
            "expires_in": 1800,
            "scope": "products:read",
        },
    ),
)
REVOKE = post(
    "revoke_token",
    "Revoke a token that was issued to the caller (RFC 7009). Of a person it ends the session; send `client_id=web` or "
    "`api` and no secret for it. A token that is not valid any more is fine.",
    Form(
        fields={"token": TEXT, "token_type_hint": TEXT},
        required=["token"],
        sent={"token": TOKEN_EXAMPLE, "client_id": "api"},
        answer={"type": "object"},
        answered={},
    ),
)
INTROSPECT = post(
    "introspect_token",
    "Ask what a token says (RFC 7662). `active` is true only if the token is valid now, and either the caller's own or "
    "an access token for a service that the caller may call. A refresh token is active to its own client alone.",
    Form(
        fields={"token": TEXT, "token_type_hint": TEXT},
        required=["token"],
        sent={"token": TOKEN_EXAMPLE},
        answer={
            "type": "object",
            "required": ["active"],
            "properties": {
                "active": {"type": "boolean"},
                **dict.fromkeys(("iss", "sub", "client_id", "jti", "scope", "token_type", "username", "acr"), TEXT),
                "aud": TEXTS,
                **dict.fromkeys(("iat", "exp", "auth_time"), NUMBER),
            },
        },
        answered={
            "active": True,
            "iss": "https://shop.example",
            "sub": ALICE["id"],
            "aud": ["accounts", "orders", "products"],
            "client_id": "api",
            "iat": 1777887000,
            "exp": 1777887600,
            "jti": "5f8b6c0e-54a4-4f43-8d6b-5a3c6f0e9f10",
            "scope": "orders:read products:read",
            "token_type": "Bearer",
            "username": ALICE["email"],
            "acr": "aal1",
            "auth_time": 1777886400,
        },
    ),
)
JWKS = read(
    "read_keys",
    "Read the public keys that tokens are signed with (RFC 7517). Empty where the shop signs with a shared secret.",
    Document(
        schema={
            "type": "object",
            "required": ["keys"],
            "properties": {"keys": {"type": "array", "items": {"type": "object", "additionalProperties": True}}},
        },
        example={
            "keys": [
                {
                    "kty": "EC",
                    "crv": "P-256",
                    "use": "sig",
                    "alg": "ES256",
                    "kid": "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U",
                    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
                }
            ]
        },
    ),
)
STATUS_LIST = read(
    "read_token_status",
    "Read a list of revoked tokens (draft-ietf-oauth-status-list). It is signed; docs/tokens.md says how to read it. "
    "It is the list of now: with a `time` the answer is 501.",
    Document(
        TEXT,
        "eyJ0eXAiOiJzdGF0dXNsaXN0K2p3dCIsIC4uLn0.eyJzdGF0dXNfbGlzdCI6IHt9fQ.c2lnbmF0dXJl",
        "application/statuslist+jwt",
    ),
)
STATUS_LIST["parameters"] += [
    {
        "in": "path",
        "name": "number",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
        "example": 0,
        "description": "Which list.",
    },
]
STATUS_LIST["responses"] |= {
    "404": {"description": "There is no such list."},
    "501": {"description": "`time` was sent."},
}
METADATA_FIELDS = {
    "issuer": TEXT,
    "authorization_endpoint": TEXT,
    "token_endpoint": TEXT,
    "revocation_endpoint": TEXT,
    "introspection_endpoint": TEXT,
    "response_types_supported": TEXTS,
    "grant_types_supported": TEXTS,
    "scopes_supported": TEXTS,
}
METADATA_DOCUMENT = Document(
    {"type": "object", "required": list(METADATA_FIELDS), "properties": METADATA_FIELDS},
    {
        "issuer": "https://shop.example",
        "authorization_endpoint": "https://shop.example/oauth/authorize",
        "token_endpoint": "https://shop.example/oauth/token",
        "revocation_endpoint": "https://shop.example/oauth/revoke",
        "introspection_endpoint": "https://shop.example/oauth/introspect",
        "response_types_supported": ["code"],
        "grant_types_supported": GRANT_TYPES,
        "scopes_supported": ["openid", "products:read"],
    },
)
METADATA = read(
    "read_metadata",
    "Read what this authorization server offers, and nothing that it does not (RFC 8414).",
    METADATA_DOCUMENT,
)
OPENID_METADATA = read(
    "read_openid_metadata",
    "Read the same document where OpenID Connect Discovery has it. Where the shop signs with a shared secret there is "
    "no OpenID Connect, and the document says nothing of it.",
    METADATA_DOCUMENT,
)
RESOURCE_FIELDS = {"resource": TEXT, "authorization_servers": TEXTS, "scopes_supported": TEXTS}
PROTECTED_RESOURCE = read(
    "read_protected_resource",
    "Read which server gives tokens for a service, and which scopes it knows (RFC 9728).",
    Document(
        {"type": "object", "required": list(RESOURCE_FIELDS), "properties": RESOURCE_FIELDS},
        {
            "resource": "https://shop.example/api/products",
            "authorization_servers": ["https://shop.example"],
            "scopes_supported": ["products:read"],
        },
    ),
)
PROTECTED_RESOURCE["parameters"] += [
    {
        "in": "path",
        "name": "service",
        "required": True,
        "schema": TEXT,
        "example": "products",
        "description": "Which service.",
    },
]
PROTECTED_RESOURCE["responses"] |= {"404": {"description": "There is no such service."}}
