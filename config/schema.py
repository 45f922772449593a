"""The document of the API and its page, both without remote files."""

from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView
from rest_framework.renderers import TemplateHTMLRenderer

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
    template_name = "docs.html"
