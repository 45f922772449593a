"""The base of every API view."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django.http import HttpResponse
from rest_framework.views import APIView

from tokens.permissions import OPEN, Scopes

MAX_BODY = 64 * 1024
"""Bytes of a body, where a view does not state how many it needs."""


class View(APIView):
    """An API view that states the scope of each method; what it leaves out is refused."""

    scopes: ClassVar[Scopes] = {}
    problems: ClassVar[Mapping[str, tuple[int, ...]]] = {}
    max_body: ClassVar[int] = MAX_BODY
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


def public(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Mark a plain view as open without a token; a cookie means nothing to it, so it needs no CSRF token."""
    view.scopes = OPEN  # type: ignore[attr-defined]
    view.csrf_exempt = True  # type: ignore[attr-defined]
    return view
