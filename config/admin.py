"""The one admin site, entered with the token in the cookie."""

from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from tokens.pages import TemporaryRedirect, deny_scope, local_path, redirect_to_login
from tokens.registry import ROOT, by_calls, services
from tokens.scopes import STAFF_SCOPES
from tokens.user import current_user
from wire.error_pages import error_page


class TesseraAdminSite(AdminSite):
    """Django's admin for the bearer of a staff scope: no user rows, no session, no LogEntry."""

    site_header = site_title = "Tessera"
    index_title = "Staff"
    index_template = "admin/sections.html"
    site_url = "/products/"

    def has_permission(self, request: HttpRequest) -> bool:
        return current_user(request).is_staff and current_user(request).is_authenticated

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Have an expired token renewed, so that not even a form that was being filled in is lost."""
        inner: Callable[..., HttpResponse] = super().admin_view(view, cacheable)

        @wraps(view)
        def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.is_authenticated:
                return redirect_to_login(request)
            if denied := deny_scope(request, " ".join(STAFF_SCOPES.values())):
                return denied
            if {"_popup", "_to_field"} & request.GET.keys():
                return error_page(request, 400, "The admin opens no windows of its own.")
            return inner(request, *args, **kwargs)

        wrapper.scopes = STAFF_SCOPES  # type: ignore[attr-defined]
        return wrapper

    def get_urls(self) -> list[Any]:
        """Django's, without the two that serve what no section uses: a search for other fields, and a redirect."""
        return [url for url in super().get_urls() if getattr(url, "name", "") not in ("autocomplete", "view_on_site")]

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Every section that the bearer may open, in this process or behind the gateway."""
        asked = [app_label] if app_label else STAFF_SCOPES
        return [list_sections(service) for service in asked if current_user(request).has_module_perms(service)]

    def index(self, request: HttpRequest, extra_context: Any = None) -> TemplateResponse:
        """What waits in each service, and all sections."""
        parts = [start_part(name) for name in reversed(by_calls()) if current_user(request).has_module_perms(name)]
        return super().index(request, {"parts": [part for part in parts if part], **(extra_context or {})})

    def app_index(self, request: HttpRequest, app_label: str, extra_context: Any = None) -> TemplateResponse:
        """A service's part of the index, for who may open it."""
        if app_label in STAFF_SCOPES and not current_user(request).has_module_perms(app_label):
            raise PermissionDenied

        part = start_part(app_label) if app_label in STAFF_SCOPES else None
        return super().app_index(request, app_label, {"parts": [part] if part else [], **(extra_context or {})})

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        target = local_path(request.GET.get(REDIRECT_FIELD_NAME), "/admin/")
        return HttpResponseRedirect(f"/login/?{urlencode({'next': target}, safe='/')}")

    def logout(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:  # type: ignore[override]
        """End the token's session where `/logout/` does."""
        return TemporaryRedirect("/logout/")

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:  # type: ignore[override]
        return HttpResponseRedirect("/account/")


def start_part(service: str) -> dict[str, Any] | None:
    """What a service has to say to staff; of one in another process, where it says so. None if it says nothing."""
    # Not even its package is imported where it is not served.
    if not (ROOT / service / "start_page.py").exists():
        return None

    is_here = service in settings.SERVICES
    summary = import_module(f"{service}.start_page").summarize() if is_here else None
    return {"service": service, "label": service.capitalize(), "summary": summary}


def list_sections(service: str) -> dict[str, Any]:
    """A service's part of the index, in the shape of Django's own app list."""
    url = f"/admin/{service}/"
    return {
        "name": service.capitalize(),
        "app_label": service,
        "app_url": url,
        "models": [
            {"name": name, "object_name": model.capitalize(), "admin_url": f"{url}{model}/", "view_only": True}
            for model, name in services()[service].sections.items()
        ],
    }
