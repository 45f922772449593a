"""The deployment, legible in one screen: one include per served service, and what all have."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from config.health import healthz, metrics, readyz
from config.schema import Docs, Schema
from wire.error_pages import error_handler

# In turn backwards: what is asked for most is found first, and accounts has the most addresses.
urlpatterns = [
    *[path("", include(f"{service}.urls")) for service in reversed(settings.SERVICES)],
    path("admin/", admin.site.urls),
    path("api/schema/", Schema.as_view()),
    path("api/docs/", Docs.as_view()),
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics),
]

handler400, handler403, handler404, handler500 = map(error_handler, (400, 403, 404, 500))
