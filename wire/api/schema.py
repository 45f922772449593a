"""The OpenAPI document: what each operation is for, its scopes, examples and every error answer, said once for all."""

import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import force_instance, get_doc
from drf_spectacular.utils import OpenApiParameter
from rest_framework.serializers import BaseSerializer

from tokens.permissions import OPEN
from tokens.scopes import SCOPES, STAFF_SCOPES, VERIFIED_SCOPES
from wire.api.examples import example_of
from wire.api.known_problems import KnownProblem, known_problems
from wire.api.serializers import StrictSerializer
from wire.page_links import MAX_ANSWER
from wire.queries import PageQuery, Query

IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description="The version that the change is meant for, from `ETag`."
)
CLIENT_SCHEME = {
    "type": "http",
    "scheme": "basic",
    "description": "The id and the secret of a registered client, each form-encoded first (RFC 6749 2.3.1).",
}
USUAL = {"malformed", "invalid", "not-acceptable", "internal-error", "database-unavailable", "unavailable"}
OF_TOKENS = {
    "invalid-request",
    "not-authenticated",
    "invalid-token",
    "forbidden",
    "insufficient-scope",
    "no-tls",
    "issuer-unavailable",
}
OF_CHANGES = {"too-slow", "too-large", "unsupported-media-type", "no-tls", "read-only"}
DONE = {
    "200": "It is done, or this is it.",
    "201": "It was made.",
    "202": "It is not decided yet.",
    "204": "It is done.",
}
RETRY_AFTER = {"schema": {"type": "integer"}, "description": "Seconds."}
ANSWERS = {
    400: "The request cannot be read or is not valid.",
    401: "There is no token, or one that is not to be believed.",
    403: "The token does not carry the scope.",
    404: "There is no such thing, or it is not yours.",
    406: "There is only JSON.",
    408: "The body did not come in time, or broke off.",
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
    """Adds to each operation a summary, an example, the scopes it needs and the errors it may answer.

    A view may name further errors per method, by code or by status: `problems = {"POST": (429, "email-taken")}`.
    """

    view: Any

    def get_operation(self, *args: Any) -> dict[str, Any] | None:
        operation = super().get_operation(*args)
        if operation is None:
            return None

        found = self.find_problems()
        for parameter in operation.get("parameters", []):
            parameter.setdefault("description", f"The {parameter['name'].replace('_', ' ')}.")
        for status, answer in operation["responses"].items():
            answer["description"] = answer["description"] or DONE[status]
        for status in sorted({problem.status for problem in found}):
            problems = [problem for problem in found if problem.status == status]
            operation["responses"].setdefault(str(status), self.describe_error(status, problems))
        if "413" in operation["responses"]:
            operation["x-max-body"] = self.view.max_body
        operation["x-max-answer"] = MAX_ANSWER
        return operation

    @property
    def stated(self) -> dict[str, Any]:
        """What the method says of itself (`wire.api.views.operation`), and what its view says instead."""
        return getattr(getattr(self.view, self.method.lower()), "stated", {}) | self.view.stated

    def get_operation_id(self) -> str:
        return self.stated.get("operation_id") or super().get_operation_id()

    def get_request_serializer(self) -> Any:
        return self.stated.get("request")

    def get_response_serializers(self) -> Any:
        return self.stated["responses"] if "responses" in self.stated else super().get_response_serializers()

    def get_summary(self) -> str:
        """The first clause of what the operation says of itself."""
        return re.split(r"[.:;](?=\s|$)", self.words, maxsplit=1)[0]

    def get_description(self) -> str:  # type: ignore[override]
        """What the operation says of itself, and who may use it."""
        scopes = [f"`{scope}`" for wanted in self.get_auth() for scope in wanted["bearer"]]
        who = f"Needs the scope {' or '.join(scopes)}." if scopes else "Needs no token."
        return f"{self.words}\n\n{who}"

    @property
    def words(self) -> str:
        """What the docstring of the method says, or that of the view."""
        return str(get_doc(getattr(self.view, self.method.lower())) or get_doc(type(self.view)))

    def get_tags(self) -> list[str]:
        return [tag_of(type(self.view).__module__)]

    def describe_error(self, status: int, problems: list[KnownProblem]) -> dict[str, Any]:
        """The answer of an error, with the headers that it may bring."""
        content = {"application/problem+json": {"schema": one_of(problems)}}
        answer = {"description": ANSWERS[status], "content": content}
        # These say when to come back.
        headers = {"Retry-After": RETRY_AFTER} if status in (429, 503) else {}
        headers |= self._get_response_headers_for_code(str(status))
        return answer | ({"headers": headers} if headers else {})

    def _get_examples(
        self, serializer: Any, direction: Any, media_type: Any, status_code: Any = None, extras: Any = None
    ) -> Any:
        """As drf-spectacular has it, and one that is made of the serializer where none is stated."""
        stated = super()._get_examples(serializer, direction, media_type, status_code, extras)  # type: ignore[no-untyped-call]
        one = force_instance(serializer)  # type: ignore[no-untyped-call]
        if stated or not isinstance(one, BaseSerializer):
            return stated

        return {"example": {"value": example_of(one, is_request=direction == "request")}}

    def _get_request_body(self, direction: Any = "request") -> dict[str, Any] | None:
        """As drf-spectacular has it, and for a DELETE that states one."""
        if self.method != "DELETE":
            return super()._get_request_body(direction)  # type: ignore[no-untyped-call]

        serializer = force_instance(self.get_request_serializer())  # type: ignore[no-untyped-call]
        if serializer is None:
            return None

        schema = self.resolve_serializer(serializer, direction).ref
        examples = self._get_examples(serializer, direction, "application/json")
        return {"content": {"application/json": {"schema": schema, "examples": examples}}, "required": True}

    def get_auth(self) -> list[dict[str, list[str]]]:
        """The scopes of the method (OpenAPI 3.1 allows role names on any scheme)."""
        super().get_auth()  # It puts the scheme among the components.
        scopes = self.view.scopes
        wanted = "" if isinstance(scopes, str) else scopes.get(self.method, "")
        return [{"bearer": [scope]} for scope in wanted.split()]

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> Any:
        """What a strict serializer takes has no fields but its own.

        What may be left out has no default there: some generators of clients would demand it.
        """
        schema = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        if direction != "request" or not isinstance(serializer, StrictSerializer):
            return schema

        for field in schema.get("properties", {}).values():
            field.pop("default", None)
        return {**schema, "additionalProperties": False}

    def get_override_parameters(self) -> list[Any]:
        conditional = [IF_MATCH] if {412, "precondition-failed"} & {*self.view.problems.get(self.method, ())} else []
        query = self.view.queries.get(self.method)
        return [*([query] if query else []), *conditional, *self.stated.get("parameters", ())]

    def find_problems(self) -> list[KnownProblem]:
        """What the operation may answer: what everybody may, and what its view states."""
        stated = {*self.view.problems.get(self.method, ())}
        package = type(self.view).__module__.partition(".")[0]
        usual = self.find_usual()
        return [
            problem
            for problem in known_problems().values()
            if problem.code in stated | usual or (problem.package in ("wire", package) and problem.status in stated)
        ]

    def find_usual(self) -> set[str]:
        """The codes of what any operation of this kind may answer."""
        usual = {*USUAL}
        if self.view.scopes != OPEN:
            usual |= OF_TOKENS | self.find_demands()
        if "{" in self.path:
            usual.add("not-found")
        if issubclass(self.view.queries.get(self.method, Query), PageQuery):
            usual.add("invalid-cursor")
        if self.method in ("POST", "PUT", "PATCH", "DELETE"):
            usual |= OF_CHANGES
        return usual

    def find_demands(self) -> set[str]:
        """The codes that say what has to be proven first, by the scopes of the method."""
        wanted = {*(self.view.scopes.get(self.method) or "").split()}
        by_scopes = {"email-not-verified": VERIFIED_SCOPES, "insufficient-user-authentication": STAFF_SCOPES.values()}
        return {code for code, scopes in by_scopes.items() if not wanted.isdisjoint(scopes)}


def one_of(problems: list[KnownProblem]) -> dict[str, Any]:
    """The schema of an answer that is one of some problems, told apart by `code`."""
    refs = {problem.code: f"#/components/schemas/{problem.component}" for problem in problems}
    if len(refs) == 1:
        return {"$ref": refs[problems[0].code]}

    discriminator = {"propertyName": "code", "mapping": refs}
    return {"oneOf": [{"$ref": ref} for ref in refs.values()], "discriminator": discriminator}


def tag_of(module: str) -> str:
    """The heading under which the operations of a module stand: its service, or its subject."""
    service, *_, name = module.split(".")
    return service if name == "views" else name.replace("_", "-")


def complete_document(result: dict[str, Any], generator: Any, **_: Any) -> dict[str, Any]:
    """Add what drf-spectacular does not know: plain views, the schemas of problems, headings, what the scopes mean."""
    views = list(walk(get_resolver(generator.urlconf)))
    plain = {path: view.operations for path, view in views if hasattr(view, "operations")}
    result["paths"] = dict(sorted({**result["paths"], **plain}.items()))
    add_components(result, plain)
    headings = {tag_of(view.__module__): sys.modules[view.__module__].__doc__ or "" for _, view in views}
    used = {tag for operation in operations_of(result["paths"]) for tag in operation["tags"]}
    result["tags"] = [{"name": tag, "description": headings[tag].partition("\n")[0]} for tag in sorted(used)]
    return result


def walk(resolver: URLResolver, before: str = "/") -> Iterator[tuple[str, Any]]:
    """Each address as the document writes it, with its view."""
    for pattern in resolver.url_patterns:
        path = before + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from walk(pattern, path)
        elif isinstance(pattern, URLPattern):
            yield path, getattr(pattern.callback, "view_class", pattern.callback)


def add_components(result: dict[str, Any], plain: dict[str, Any]) -> None:
    """Add the schemas of those problems that are referred to, and say what the scopes mean."""
    components = result.setdefault("components", {})
    used = {*re.findall(r"#/components/schemas/(\w+Problem)\b", str(result["paths"]))}
    named = {problem.component: problem.schema for problem in known_problems().values() if problem.component in used}
    components["schemas"] = {**components.get("schemas", {}), **named}
    schemes = components.get("securitySchemes", {})
    for scheme in schemes.values():
        scheme["description"] += " Scopes:\n" + "\n".join(
            f"- `{scope}`: {SCOPES[scope]}" for scope in scopes_of(result["paths"])
        )
    if plain:
        schemes["client"] = CLIENT_SCHEME


def operations_of(paths: dict[str, Any]) -> Iterable[dict[str, Any]]:
    return [operation for methods in paths.values() for operation in methods.values()]


def scopes_of(paths: dict[str, Any]) -> list[str]:
    """The scopes that some operations want, sorted."""
    schemes = [scheme for operation in operations_of(paths) for scheme in operation.get("security", [])]
    return sorted({scope for scheme in schemes for wanted in scheme.values() for scope in wanted})
