"""The document of the API and its page, both without remote files."""

from typing import Any

from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView
from rest_framework.renderers import TemplateHTMLRenderer
from rest_framework.request import Request

from tokens.permissions import OPEN


class Schema(SpectacularJSONAPIView):
    """What this process serves, as OpenAPI 3.1."""

    scopes = OPEN
    schema = None


class Docs(SpectacularSwaggerSplitView):
    """The document to read and try, in a browser."""

    scopes = OPEN
    schema = None
    renderer_classes = [TemplateHTMLRenderer]
    url = "/api/schema/"
    template_name = "api_docs.html"

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """A page is all there is, whatever is asked for."""
        return super().perform_content_negotiation(request, force=True)
