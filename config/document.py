"""The document of the API, with what writes it, which few processes are asked for."""

from django.urls import path
from drf_spectacular.views import SpectacularJSONAPIView

from tokens.permissions import OPEN
from wire.queries import QueryMixin


class Schema(QueryMixin, SpectacularJSONAPIView):
    """What this process serves, as OpenAPI 3.1."""

    scopes = OPEN
    schema = None


urlpatterns = [path("", Schema.as_view())]
