"""The OpenAPI document: scopes and every error answer, said once for all views."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import force_instance
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from tokens.permissions import OPEN
from tokens.scopes import SCOPES
from wire.keyset import DEFAULT_LIMIT, MAX_LIMIT
from wire.serializers import StrictSerializer

PAGE = [
    OpenApiParameter("cursor", str, description="From `next` or `previous` of this very list."),
    OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}),
]
"""What every list takes."""
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", str, OpenApiParameter.HEADER, description="An `ETag`: 304 if it still holds."
)
UNCHANGED = OpenApiResponse(description="It is as `If-None-Match` says.")
IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description="The version that the change is meant for, from `ETag`."
)
PROBLEM = {"$ref": "#/components/schemas/Problem"}
PROBLEM_SCHEMA = {
    "type": "object",
    "description": "What went wrong (RFC 9457). Further members depend on `code`.",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "Stable, for programs."},
        "request_id": {"type": "string", "description": "Also in every log line of the request."},
        "errors": {"type": "object", "description": "What is wrong, by field.", "additionalProperties": True},
    },
}
RETRY_AFTER = {"schema": {"type": "integer"}, "description": "Seconds."}
ANSWERS = {
    400: "The request cannot be read or is not valid.",
    401: "There is no token, or one that is not to be believed.",
    403: "The token does not carry the scope.",
    404: "There is no such thing, or it is not yours.",
    406: "There is only JSON.",
    409: "The state of things does not allow it.",
    410: "It was there once, and is no more.",
    412: "`If-Match` names another version.",
    413: "The body has more bytes than `x-max-body` says.",
    415: "The body is not `application/json`.",
    422: "The `Idempotency-Key` was used with another body.",
    429: "Too many tries; `Retry-After` says when.",
    500: "Something went wrong here.",
    503: "Nothing can be said or done for now; `Retry-After` says when.",
}


class Bearer(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Bearer tokens in the document."""

    target_class = "tokens.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        description = "An access token from `/api/token/`."
        return {"type": "http", "scheme": "bearer", "bearerFormat": "at+jwt", "description": description}


class TesseraSchema(AutoSchema):
    """Adds to each operation the scopes it needs and the errors it may answer.

    A view may name further error statuses per method: `problems = {"POST": (409, 422)}`.
    """

    view: Any

    def get_operation(self, *args: Any) -> dict[str, Any] | None:
        operation = super().get_operation(*args)
        if operation is None:
            return None

        for status in self.error_statuses():
            operation["responses"].setdefault(str(status), self.describe_error(status))
        if 413 in self.error_statuses():
            operation["x-max-body"] = self.view.max_body
        return operation

    def describe_error(self, status: int) -> dict[str, Any]:
        """The answer of an error, with the headers that it may bring."""
        answer = {"description": ANSWERS[status], "content": {"application/problem+json": {"schema": PROBLEM}}}
        # These say when to come back.
        headers = {"Retry-After": RETRY_AFTER} if status in (429, 503) else {}
        headers |= self._get_response_headers_for_code(str(status))
        return answer | ({"headers": headers} if headers else {})

    def _get_request_body(self, direction: Any = "request") -> dict[str, Any] | None:
        """As drf-spectacular has it, and for a DELETE that states one."""
        if self.method != "DELETE":
            return super()._get_request_body(direction)  # type: ignore[no-untyped-call]

        serializer = force_instance(self.get_request_serializer())  # type: ignore[no-untyped-call]
        if serializer is None:
            return None

        schema = self.resolve_serializer(serializer, direction).ref
        return {"content": {"application/json": {"schema": schema}}, "required": True}

    def get_auth(self) -> list[dict[str, list[str]]]:
        """The scopes of the method (OpenAPI 3.1 allows role names on any scheme)."""
        super().get_auth()  # It puts the scheme among the components.
        scopes = self.view.scopes
        wanted = "" if isinstance(scopes, str) else scopes.get(self.method, "")
        return [{"bearer": [scope]} for scope in wanted.split()]

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> Any:
        """What a strict serializer takes has no fields but its own."""
        schema = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        closed = direction == "request" and isinstance(serializer, StrictSerializer)
        return {**schema, "additionalProperties": False} if closed else schema

    def get_override_parameters(self) -> list[Any]:
        conditional = [IF_MATCH] if 412 in self.view.problems.get(self.method, ()) else []
        return [*super().get_override_parameters(), *conditional]

    def error_statuses(self) -> list[int]:
        statuses = {400, 406, 500, 503, *self.view.problems.get(self.method, ())}
        if self.view.scopes != OPEN:
            statuses |= {401, 403}
        if "{" in self.path:
            statuses.add(404)
        if self.method in ("POST", "PUT", "PATCH", "DELETE"):
            statuses |= {413, 415}
        return sorted(statuses)


def add_components(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Put the one schema of all errors into the document, and what the scopes mean that its operations want."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM_SCHEMA
    for scheme in components.get("securitySchemes", {}).values():
        scheme["description"] += " Scopes:\n" + "\n".join(
            f"- `{scope}`: {SCOPES[scope]}" for scope in scopes_of(result)
        )
    return result


def scopes_of(document: dict[str, Any]) -> list[str]:
    """The scopes that the operations of a document want, sorted."""
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    schemes = [scheme for operation in operations for scheme in operation.get("security", [])]
    return sorted({scope for scheme in schemes for wanted in scheme.values() for scope in wanted})
