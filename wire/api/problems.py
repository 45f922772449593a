"""Every error of the API, answered in the same way (RFC 9457), also those DRF never sees."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, TooManyFieldsSent
from django.db import Error, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.utils.deprecation import MiddlewareMixin
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback
from structlog.contextvars import bind_contextvars

from tokens.authentication import audience_of
from tokens.errors import IssuerUnavailable, RequestRefused, TokenRefused
from tokens.permissions import EmailNotVerified, InsufficientScope, StepUpRequired
from tokens.registry import find_module
from tokens.scopes import SERVICES
from wire import json
from wire.api.known_problems import address_of, title_of
from wire.error_pages import answer_page
from wire.json import PROBLEM_TYPE
from wire.keyset import InvalidCursor
from wire.request_id import request_id

Members = dict[str, Any]
Headers = dict[str, str]
CODES = {
    400: "malformed",
    401: "not-authenticated",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    406: "not-acceptable",
    408: "too-slow",
    413: "too-large",
    415: "unsupported-media-type",
    429: "throttled",
    500: "internal-error",
    503: "unavailable",
}
MAX_ERRORS = 20
"""In one answer, and so many characters of each name and sentence:"""
MAX_CHARACTERS = 200


class ProblemType(NamedTuple):
    """How an expected error is answered; an empty `code` or `detail` is the error's own, as is a `retry_after` it has.

    `facts` are those of its attributes that become members, `retry_after` is in seconds, and `challenge` is the
    `WWW-Authenticate` that a 401 has to carry (RFC 9110 15.5.2), in which the detail and the facts may stand.
    """

    status: int
    code: str
    detail: str = ""
    facts: tuple[str, ...] = ()
    retry_after: int | None = None
    challenge: str = ""


class Problem(Exception):
    """An error that a view raises as a problem of some type; `facts` become members."""

    def __init__(self, kind: ProblemType, **facts: Any) -> None:
        super().__init__(kind.detail)
        self.kind, self.facts = kind, facts


DESCRIPTION = 'error_description="{detail}"'
NOT_FOUND = ProblemType(404, "not-found", "There is nothing here, or nothing that is yours.")
PRECONDITION_FAILED = ProblemType(412, "precondition-failed", "It has changed since you read it; read it again.")
INVALID_FIELDS = ProblemType(400, "invalid", "Some fields are not valid: see errors.", ("errors",))
INSUFFICIENT_SCOPE = ProblemType(
    403,
    "insufficient-scope",
    InsufficientScope.default_detail,
    ("scope",),
    challenge='Bearer error="insufficient_scope", scope="{scope}"',
)
READ_ONLY = ProblemType(
    503, "read-only", "This service takes no changes for the moment; what is there can be read.", retry_after=5
)
NO_TLS = ProblemType(
    403, "no-tls", "This came without TLS, for everybody on the way to read: what it brought along should be changed."
)
TOO_LARGE = ProblemType(413, "too-large", "The body is larger than what is taken here.")
ENCODED = ProblemType(415, "unsupported-media-type", "A body is taken as it is, without Content-Encoding.")
NOT_UTF8 = ProblemType(400, "malformed", "The form is not in UTF-8.")
TOO_SLOW = ProblemType(408, "too-slow", "The body did not come in time, or broke off; send the request again.")
NO_DATABASE = ProblemType(
    503, "database-unavailable", "The database cannot be reached or is too busy; try again.", retry_after=2
)

PROBLEMS: Mapping[type[Exception], ProblemType] = {
    InvalidCursor: ProblemType(
        400, "invalid-cursor", "That cursor is not one that this list gave out for these filters."
    ),
    TokenRefused: ProblemType(401, "invalid-token", challenge=f'Bearer error="invalid_token", {DESCRIPTION}'),
    RequestRefused: ProblemType(400, "invalid-request", challenge=f'Bearer error="invalid_request", {DESCRIPTION}'),
    IssuerUnavailable: ProblemType(503, "issuer-unavailable", retry_after=5),
    InsufficientScope: INSUFFICIENT_SCOPE,
    EmailNotVerified: ProblemType(
        403,
        "email-not-verified",
        EmailNotVerified.default_detail,
        ("scope",),
        challenge='Bearer error="insufficient_scope", scope="{scope}"',
    ),
    StepUpRequired: ProblemType(
        401,
        "insufficient-user-authentication",
        StepUpRequired.default_detail,
        ("acr_values", "max_age"),
        challenge='Bearer error="insufficient_user_authentication", acr_values="{acr_values}", max_age="{max_age}"',
    ),
    exceptions.NotAuthenticated: ProblemType(
        401, "not-authenticated", "Send an access token: Authorization: Bearer <token>.", challenge="Bearer"
    ),
    Http404: NOT_FOUND,
    PermissionDenied: ProblemType(403, "forbidden", "This is not allowed."),
    RequestDataTooBig: TOO_LARGE,
    TooManyFieldsSent: ProblemType(413, "too-large", "There are more parameters or fields than are taken here."),
    UnreadablePostError: TOO_SLOW,
    OperationalError: NO_DATABASE,
    InterfaceError: NO_DATABASE,
}
"""The errors of no one service; each service has such a table of its own, in `<service>/problems.py`."""


@cache
def problem_types(package: str) -> Mapping[type[Exception], ProblemType]:
    """The problem types for errors of a package: those of its own table, if it is a service that has one, and ours."""
    own = find_module(package, "problems") if package in SERVICES else None
    return {**PROBLEMS, **(own.PROBLEMS if own else {})}


def find_problem(error: Exception) -> Problem | None:
    """The problem that an error becomes; None for an error that nobody expected."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, exceptions.ValidationError):
        return Problem(INVALID_FIELDS, errors=read_errors(error.detail))

    types = problem_types(type(error).__module__.partition(".")[0])
    kind = next((types[kind] for kind in type(error).__mro__ if kind in types), None)
    if kind:
        return translate(error, kind)
    if isinstance(error, exceptions.APIException):
        return Problem(ProblemType(error.status_code, CODES.get(error.status_code, "invalid"), str(error.detail)))

    return None


def read_errors(detail: Any) -> dict[str, Any]:
    """What is wrong by field, the first errors of many: the fields of a list stand under their numbers, as strings."""
    errors = detail if isinstance(detail, dict) else {"non_field_errors": detail}
    return dict(cut_errors(errors, left=iter(range(MAX_ERRORS))))


def cut_errors(detail: Any, *, left: Iterator[int]) -> Any:
    """As many errors as are left; names and sentences are cut, since both may quote the body."""
    if isinstance(detail, dict):
        parts = {str(name)[:MAX_CHARACTERS]: cut_errors(part, left=left) for name, part in detail.items()}
        return {name: part for name, part in parts.items() if part}
    if isinstance(detail, (list, tuple)):
        return [part for part in (cut_errors(part, left=left) for part in detail) if part != ""]

    return "" if next(left, None) is None else str(detail)[:MAX_CHARACTERS]


def translate(error: Any, kind: ProblemType) -> Problem:
    """An error as a problem of that type, with what it says itself."""
    if isinstance(error, Error):
        bind_contextvars(error=str(error))
    own = kind._replace(
        code=kind.code or error.code,
        detail=kind.detail or str(error),
        retry_after=getattr(error, "retry_after", kind.retry_after),
    )
    return Problem(own, **{name: getattr(error, name) for name in kind.facts})


def write_problem(status: int, code: str, detail: str, **members: Any) -> Members:
    """The members of a problem."""
    return {
        "type": address_of(code),
        "title": title_of(code),
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": request_id(),
        **members,
    }


def describe(error: Exception) -> tuple[Members, Headers] | None:
    """Members and headers of the answer to an error; None for one that nobody expected."""
    problem = find_problem(error)
    if problem is None:
        return None

    status, code, detail, _, retry_after, challenge = problem.kind
    bind_contextvars(reason=code)
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    if challenge:
        # A method that states no scope is refused with any.
        headers["WWW-Authenticate"] = challenge.format(detail=detail, **problem.facts).removesuffix(', scope=""')
    return write_problem(status, code, detail, **problem.facts), headers


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """The answer to an error in an API view; None for one that nobody expected."""
    described = describe(error)
    if described is None:
        return None

    set_rollback()
    members, headers = described
    name_resource(context["request"], headers)
    return Response(members, members["status"], headers=headers, content_type=PROBLEM_TYPE)


def name_resource(request: Any, headers: Headers) -> None:
    """Say beside a challenge where it stands who gives tokens for this service (RFC 9728 5.1)."""
    challenge, service = headers.get("WWW-Authenticate", ""), audience_of(request)
    if not challenge.startswith("Bearer") or not request.path.startswith((f"/api/{service}/", "/oauth/")):
        return

    place = f'resource_metadata="{settings.ISSUER}/.well-known/oauth-protected-resource/api/{service}"'
    headers["WWW-Authenticate"] = f"{challenge}, {place}" if " " in challenge else f"{challenge} {place}"


class ProblemMiddleware(MiddlewareMixin):
    """Turn whatever error still leaves `/api/` as something else into a problem."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if response.status_code < 400 or not is_api(request):
            return response
        return response if response.get("Content-Type", "").startswith(PROBLEM_TYPE) else replace(response)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer an expected error that was raised outside DRF; Django knows 403 and 404 itself."""
        return None if isinstance(error, (Http404, PermissionDenied)) else answer(request, error)


def is_api(request: HttpRequest) -> bool:
    return request.path.lstrip("/").startswith("api/")


def answer(request: HttpRequest, error: Exception) -> HttpResponse | None:
    """The answer to an expected error, as the address wants it: a problem or a page."""
    described = describe(error)
    if described is None:
        return None
    name_resource(request, described[1])
    if is_oauth(request):
        return answer_oauth(*described)

    return answer_api(*described) if is_api(request) else answer_page(request, *described)


OAUTH_PAGES = ("/oauth/authorize", "/oauth/consent", "/oauth/logout")


def is_oauth(request: HttpRequest) -> bool:
    """Whether a client calls, to be answered as RFC 6749 has it; people see pages there, too."""
    return request.path.startswith("/oauth/") and request.path not in OAUTH_PAGES


def answer_oauth(members: Members, headers: Headers) -> HttpResponse:
    """An error as RFC 6749 5.2 has it."""
    error = "temporarily_unavailable" if members["status"] == 503 else "invalid_request"
    body = {"error": error, "error_description": members["detail"]}
    return HttpResponse(
        json.write(body), "application/json", members["status"], headers={"Cache-Control": "no-store", **headers}
    )


def answer_api(members: Members, headers: Headers) -> HttpResponse:
    return HttpResponse(json.write(members), PROBLEM_TYPE, members["status"], headers=headers)


def replace(response: HttpResponse) -> HttpResponse:
    status = response.status_code
    detail = NOT_FOUND.detail if status == 404 else response.reason_phrase
    kept = {name: value for name, value in response.headers.items() if name in ("Allow", "Retry-After")}
    return answer_api(write_problem(status, CODES.get(status, "invalid"), detail), kept)
