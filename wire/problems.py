"""Every error of the API, told the same way (RFC 9457), also those DRF never sees."""

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple, cast

import orjson
import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig, TooManyFieldsSent
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from tokens.errors import IssuerUnavailable, RequestRefused, TokenRefused
from tokens.permissions import InsufficientScope
from tokens.scopes import SERVICES
from wire.error_pages import answer_page
from wire.json import encode
from wire.keyset import InvalidCursor
from wire.request_id import request_id

MEDIA_TYPE = "application/problem+json"
TITLES = {
    "already-exists": "It exists already",
    "database-unavailable": "The database cannot be reached",
    "insufficient-scope": "The token does not carry the scope",
    "internal-error": "Something went wrong here",
    "invalid": "The request is not valid",
    "invalid-credentials": "The credentials are wrong",
    "invalid-request": "The credentials are presented wrongly",
    "invalid-token": "The token is not to be believed",
    "issuer-unavailable": "No token can be checked for now",
    "malformed": "The request cannot be read",
    "method-not-allowed": "This address does not take that method",
    "not-acceptable": "There is no such representation",
    "not-authenticated": "A token is needed",
    "not-found": "There is no such thing",
    "read-only": "Only reading for now",
    "throttled": "Too many requests",
    "too-large": "The request is too large",
    "unsupported-media-type": "That media type is not taken",
}
CODES = {
    400: "malformed",
    401: "not-authenticated",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    406: "not-acceptable",
    413: "too-large",
    415: "unsupported-media-type",
    429: "throttled",
    500: "internal-error",
    503: "unavailable",
}

logger = structlog.get_logger(__name__)


class Problem(exceptions.APIException):
    """An expected error with a stable code; `facts` become members of the problem.

    `retry_after` is in seconds; `challenge` is the `WWW-Authenticate` that a 401 has to carry (RFC 9110 15.5.2).
    """

    status_code = 400
    default_code = "invalid"
    retry_after: int | None = None
    challenge = ""

    def __init__(self, detail: str | None = None, *, code: str | None = None, **facts: Any) -> None:
        super().__init__(detail, code)
        self.code = code or self.default_code
        self.facts = facts


class NotFound(Problem):
    """What was asked for does not exist, or not for the caller."""

    status_code = 404
    default_code = "not-found"
    default_detail = "There is nothing here, or nothing that is yours."


class Conflict(Problem):
    """The state of things does not allow it."""

    status_code = 409
    default_code = "conflict"
    default_detail = "The state of things does not allow this."


class PreconditionFailed(Problem):
    """`If-Match` names another version."""

    status_code = 412
    default_code = "precondition-failed"
    default_detail = "It has changed since you read it; read it again."


class ReadOnly(Problem):
    """This service only reads for now."""

    status_code = 503
    default_code = "read-only"
    default_detail = "This service takes no changes for the moment; what is there can be read."
    retry_after = 5


class ProblemType(NamedTuple):
    """How an expected error of a use case is told: an empty `code` or `detail` is the error's own, as is `retry_after`
    where it has one; `facts` are those of its attributes that become members."""

    status: int
    code: str
    detail: str
    facts: tuple[str, ...] = ()
    retry_after: int | None = None
    challenge: str = ""


NOT_FOUND = ProblemType(404, NotFound.default_code, str(NotFound.default_detail))
PRECONDITION_FAILED = ProblemType(412, PreconditionFailed.default_code, str(PreconditionFailed.default_detail))

PROBLEMS: Mapping[type[Exception], ProblemType] = {
    InvalidCursor: ProblemType(
        400, "invalid-cursor", "That cursor is not one that this list gave out for these filters."
    ),
}
"""The errors of this package; each service has such a table of its own, in `<service>/problems.py`."""


@cache
def problem_types(package: str) -> Mapping[type[Exception], ProblemType]:
    """The table of the package that an error is of; empty if it has none."""
    if package not in ("wire", *SERVICES) or not find_spec(f"{package}.problems"):
        return {}

    return cast("Mapping[type[Exception], ProblemType]", import_module(f"{package}.problems").PROBLEMS)


def translate(error: Exception) -> Exception:
    """A use case's plain error as the problem that its service makes of it; any other error as it is."""
    types = problem_types(type(error).__module__.partition(".")[0])
    found = next((types[kind] for kind in type(error).__mro__ if kind in types), None)
    if found is None:
        return error

    facts = {name: getattr(error, name) for name in found.facts}
    problem = Problem(found.detail or str(error), code=found.code or getattr(error, "code", ""), **facts)
    problem.status_code, problem.challenge = found.status, found.challenge.format(**facts)
    problem.retry_after = getattr(error, "retry_after", found.retry_after)
    return problem


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """The answer to an error in an API view; None for one that nobody expected."""
    told = tell(error)
    if told is None:
        return None

    set_rollback()
    status, members, headers = told
    return Response(members, status, headers=headers, content_type=MEDIA_TYPE)


def tell(error: Exception) -> tuple[int, dict[str, Any], dict[str, str]] | None:
    """Status, problem and headers for an error that is expected."""
    translated = translate(error)
    for kind, teller in TELLERS:
        if isinstance(translated, kind):
            return teller(translated)

    return None


Told = tuple[int, dict[str, Any], dict[str, str]]


def problem(status: int, code: str, detail: str, **members: Any) -> dict[str, Any]:
    """The members of a problem."""
    return {
        "type": f"urn:tessera:problem:{code}",
        "title": TITLES.get(code, code.replace("-", " ").capitalize()),
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": request_id(),
        **members,
    }


def tell_problem(error: Problem) -> Told:
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after is not None else {}
    if error.challenge:
        headers["WWW-Authenticate"] = error.challenge
    return error.status_code, problem(error.status_code, error.code, str(error.detail), **error.facts), headers


def tell_token(error: TokenRefused) -> Told:
    challenge = f'Bearer error="invalid_token", error_description="{error}"'
    return 401, problem(401, "invalid-token", str(error)), {"WWW-Authenticate": challenge}


def tell_request(error: RequestRefused) -> Told:
    challenge = f'Bearer error="invalid_request", error_description="{error}"'
    return 400, problem(400, "invalid-request", str(error)), {"WWW-Authenticate": challenge}


def tell_anonymous(error: exceptions.NotAuthenticated) -> Told:
    detail = "Send an access token: Authorization: Bearer <token>."
    return 401, problem(401, "not-authenticated", detail), {"WWW-Authenticate": "Bearer"}


def tell_scope(error: InsufficientScope) -> Told:
    challenge = 'Bearer error="insufficient_scope"' + (f', scope="{error.scope}"' if error.scope else "")
    members = problem(403, "insufficient-scope", str(error.detail), scope=error.scope)
    return 403, members, {"WWW-Authenticate": challenge}


def tell_issuer(error: IssuerUnavailable) -> Told:
    return 503, problem(503, "issuer-unavailable", str(error)), {"Retry-After": "5"}


def tell_database(error: Exception) -> Told:
    logger.error("database_unavailable", error=str(error))
    detail = "The database cannot be reached or is too busy; try again."
    return 503, problem(503, "database-unavailable", detail), {"Retry-After": "2"}


def tell_invalid(error: exceptions.ValidationError) -> Told:
    detail = error.detail if isinstance(error.detail, dict) else {"non_field_errors": error.detail}
    # The fields of a list stand under their numbers, and JSON has no keys but strings.
    errors = orjson.loads(orjson.dumps(detail, default=encode, option=orjson.OPT_NON_STR_KEYS))
    return 400, problem(400, "invalid", "Some fields are not valid: see errors.", errors=errors), {}


def tell_size(error: Exception) -> Told:
    return 413, problem(413, "too-large", "The body is larger than what is taken here."), {}


def tell_missing(error: Exception) -> Told:
    return 404, problem(404, "not-found", str(NotFound.default_detail)), {}


def tell_forbidden(error: Exception) -> Told:
    return 403, problem(403, "forbidden", str(error) or "This is not allowed."), {}


def tell_drf(error: exceptions.APIException) -> Told:
    wait = getattr(error, "wait", None)
    headers = {"Retry-After": str(int(wait))} if wait else {}
    code = CODES.get(error.status_code, "invalid")
    return error.status_code, problem(error.status_code, code, str(error.detail)), headers


TELLERS: list[tuple[type[Exception], Callable[[Any], Told]]] = [
    (TokenRefused, tell_token),
    (RequestRefused, tell_request),
    (IssuerUnavailable, tell_issuer),
    (Problem, tell_problem),
    (exceptions.NotAuthenticated, tell_anonymous),
    (InsufficientScope, tell_scope),
    (exceptions.ValidationError, tell_invalid),
    (exceptions.APIException, tell_drf),
    (Http404, tell_missing),
    (PermissionDenied, tell_forbidden),
    (RequestDataTooBig, tell_size),
    (TooManyFieldsSent, tell_size),
    (OperationalError, tell_database),
    (InterfaceError, tell_database),
]


class ProblemMiddleware:
    """Turn whatever error still leaves `/api/` as something else into a problem."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not is_api(request) or response.status_code < 400:
            return response

        if response.get("Content-Type", "").startswith(MEDIA_TYPE):
            return response

        return replace(response)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Tell of an expected error that was raised outside DRF; Django knows 403 and 404 itself."""
        if isinstance(error, (Http404, PermissionDenied)):
            return None

        return answer(request, error)


def answer(request: HttpRequest, error: Exception) -> HttpResponse | None:
    """The answer to an expected error, as the address wants it: a problem or a page."""
    told = tell(error)
    if told is None:
        return None

    if request.path.startswith("/oauth/"):
        return write_oauth(*told)

    return write(*told) if is_api(request) else answer_page(request, told)


def write_oauth(status: int, members: dict[str, Any], headers: dict[str, str]) -> HttpResponse:
    """An error as RFC 6749 5.2 has it."""
    error = "temporarily_unavailable" if status == 503 else "invalid_request"
    body = {"error": error, "error_description": members["detail"]}
    return HttpResponse(orjson.dumps(body), "application/json", status, headers=headers)


def is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def replace(response: HttpResponse) -> HttpResponse:
    status = response.status_code
    detail = str(NotFound.default_detail) if status == 404 else response.reason_phrase
    kept = {name: value for name, value in response.headers.items() if name in ("Allow", "Retry-After")}
    return write(status, problem(status, CODES.get(status, "invalid"), detail), kept)


def write(status: int, members: dict[str, Any], headers: dict[str, str]) -> HttpResponse:
    return HttpResponse(orjson.dumps(members, default=str), MEDIA_TYPE, status, headers=headers)
