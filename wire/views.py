"""The base of every API view, and the addresses that every process has."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from rest_framework.views import APIView

from tokens.errors import IssuerUnavailable
from tokens.permissions import OPEN, Scopes
from tokens.verification import check_issuer


class View(APIView):
    """An API view that states the scope of each method; what it leaves out is refused."""

    scopes: ClassVar[Scopes] = {}
    # What a view takes is in the document; OPTIONS is for browsers, which CorsMiddleware answers.
    http_method_names = [name for name in APIView.http_method_names if name != "options"]

    def get_authenticators(self) -> list[Any]:
        """Where nobody needs a token, none is read: a spent one must not be in the way."""
        return [] if self.scopes == OPEN else super().get_authenticators()

    def perform_content_negotiation(self, request: Any, force: bool = False) -> tuple[Any, str]:
        """JSON is all there is; who asks for nothing else needs no negotiation."""
        if force or request.META.get("HTTP_ACCEPT", "*/*") in ("*/*", "application/json"):
            renderer = self.renderer_classes[0]()
            return renderer, renderer.media_type

        return super().perform_content_negotiation(request, force)

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        response.setdefault("Cache-Control", "private, no-store")
        return super().finalize_response(request, response, *args, **kwargs)


def opened(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Mark a plain view as open without a token."""
    view.scopes = OPEN  # type: ignore[attr-defined]
    return view


@opened
def healthz(request: HttpRequest) -> HttpResponse:
    """Whether the process is alive."""
    return answer_health(200, {"status": "alive"})


@opened
def readyz(request: HttpRequest) -> HttpResponse:
    """Whether the process may serve: its database answers, and tokens can be checked."""
    checks = {"database": check_database(), "issuer": ask_issuer()}
    ready = all(state == "ok" for state in checks.values())
    return answer_health(200 if ready else 503, {"status": "ready" if ready else "not ready", **checks})


@opened
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
    except IssuerUnavailable:
        return "unavailable"
    return "ok"


def answer_health(status: int, members: dict[str, str]) -> HttpResponse:
    response = JsonResponse({**members, "services": settings.SERVICES}, status=status)
    response["Cache-Control"] = "no-store"
    return response
