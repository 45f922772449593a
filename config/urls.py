"""The deployment, legible in one screen: one include per served service, and what all have."""

from django.conf import settings
from django.urls import URLResolver, include, path
from django.urls.resolvers import RoutePattern

from config.favicon import favicon
from config.health import healthz, metrics, readyz
from config.schema import show_docs, show_problem, show_problems
from wire.error_pages import error_handler


def on_demand(route: str, module: str, *, name: str | None = None) -> URLResolver:
    """The addresses of a module that is loaded with the first request for one of them."""
    return URLResolver(RoutePattern(route, is_endpoint=False), module, app_name=name, namespace=name)


# In turn backwards: what is asked for most is found first, and accounts has the most addresses.
urlpatterns = [
    *[path("", include(f"{service}.urls")) for service in reversed(settings.SERVICES)],
    on_demand("admin/", "config.admin_addresses", name="admin"),
    on_demand("api/schema/", "config.document"),
    path("api/docs/", show_docs),
    path("problems/", show_problems),
    path("problems/<slug:code>/", show_problem),
    path("favicon.ico", favicon),
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics),
]

handler400, handler403, handler404, handler500 = map(error_handler, (400, 403, 404, 500))
