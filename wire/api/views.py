"""The base of every API view."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.views import APIView

from tokens.permissions import OPEN, Scopes
from wire.queries import QueryMixin

F = TypeVar("F", bound=Callable[..., Any])

MAX_BODY = 64 * 1024
"""Bytes of a body, where a view does not state how many it needs."""
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", str, OpenApiParameter.HEADER, description="An `ETag`: 304 if it still holds."
)
UNCHANGED = OpenApiResponse(description="It is as `If-None-Match` says.")


class View(QueryMixin, APIView):
    """An API view that states the scope of each method, and what each takes in its query; the rest is refused."""

    scopes: ClassVar[Scopes] = {}
    open_if: ClassVar[str] = ""
    """A setting that opens to everybody what only reads."""
    problems: ClassVar[Mapping[str, tuple[int | str, ...]]] = {}
    """What each method may answer besides: codes of problems, or statuses for all that have it."""
    max_body: ClassVar[int] = MAX_BODY
    stated: ClassVar[dict[str, Any]] = {}
    """What the document says of the one method of the view instead of what `operation` said."""
    # What a view takes is in the document; OPTIONS is for browsers, which CorsMiddleware answers.
    http_method_names = [name for name in APIView.http_method_names if name != "options"]

    def get_authenticators(self) -> list[Any]:
        """Where nobody needs a token, none is read: an expired one must not be in the way."""
        return [] if self.scopes == OPEN else super().get_authenticators()

    def perform_content_negotiation(self, request: Any, force: bool = False) -> tuple[Any, str]:
        """JSON is all there is; who asks for nothing else needs no negotiation."""
        if force or request.META.get("HTTP_ACCEPT", "") in ("", "*/*", "application/json"):
            renderer = self.renderer_classes[0]()
            return renderer, renderer.media_type

        return super().perform_content_negotiation(request, force)

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        response.setdefault("Cache-Control", "private, no-store")
        return super().finalize_response(request, response, *args, **kwargs)


def operation(**stated: Any) -> Callable[[F], F]:
    """Say what the document tells of a method: its `operation_id`, `request`, `responses` and `parameters`.

    It is only kept here. Few processes are asked for the document, and no other loads what writes it.
    """

    def keep(method: F) -> F:
        method.stated = stated  # type: ignore[attr-defined]
        return method

    return keep


def public(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Mark a plain view as open without a token; a cookie means nothing to it, so it needs no CSRF token."""
    view.scopes = OPEN  # type: ignore[attr-defined]
    view.csrf_exempt = True  # type: ignore[attr-defined]
    return view
