"""What every process says of itself: whether it lives, whether it may serve, and its metrics."""

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from tokens.errors import IssuerUnavailable
from tokens.verification import check_issuer
from wire.views import public


@public
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Whether the process is alive."""
    return answer_health(200, {"status": "alive"})


@public
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Whether the process may serve: its database answers, and tokens can be checked, and signed by accounts."""
    checks = {"database": check_database(), "issuer": ask_issuer()}
    ready = all(state == "ok" for state in checks.values())
    return answer_health(200 if ready else 503, {"status": "ready" if ready else "not ready", **checks})


@public
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The figures of this process, as Prometheus reads them."""
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def check_database() -> str:
    try:
        connection.ensure_connection()
        connection.cursor().execute("SELECT 1")
    except DatabaseError as error:
        return f"unavailable: {type(error).__name__}"
    return "ok"


def ask_issuer() -> str:
    try:
        check_issuer()
        check_signing()
    except (IssuerUnavailable, DatabaseError):
        return "unavailable"
    return "ok"


def check_signing() -> None:
    """Raise `IssuerUnavailable` if this process is to sign tokens and cannot open the key for it."""
    if "accounts" in settings.SERVICES:
        from accounts.issuing import keys  # noqa: PLC0415 - accounts may not be installed

        keys.current_signer()


def answer_health(status: int, members: dict[str, str]) -> HttpResponse:
    response = JsonResponse({**members, "services": settings.SERVICES}, status=status)
    response["Cache-Control"] = "no-store"
    return response
