"""The one admin site, entered with the token in the cookie."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.contrib.admin import AdminSite
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from tokens.pages import TemporaryRedirect, local_path, redirect_to_login
from tokens.registry import services
from tokens.scopes import STAFF_SCOPES
from tokens.user import current_user


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
            if not self.has_permission(request):
                raise PermissionDenied
            return inner(request, *args, **kwargs)

        wrapper.scopes = STAFF_SCOPES  # type: ignore[attr-defined]
        return wrapper

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Every section that the bearer may open, in this process or behind the gateway."""
        asked = [app_label] if app_label else STAFF_SCOPES
        return [list_sections(service) for service in asked if current_user(request).has_module_perms(service)]

    def app_index(self, request: HttpRequest, app_label: str, extra_context: Any = None) -> TemplateResponse:
        """A service's part of the index, for who may open it."""
        if app_label in STAFF_SCOPES and not current_user(request).has_module_perms(app_label):
            raise PermissionDenied

        return super().app_index(request, app_label, extra_context)

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        target = local_path(request.GET.get(REDIRECT_FIELD_NAME), "/admin/")
        return HttpResponseRedirect(f"/login/?{urlencode({'next': target}, safe='/')}")

    def logout(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:  # type: ignore[override]
        """End the token's session where `/logout/` does."""
        return TemporaryRedirect("/logout/")

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:  # type: ignore[override]
        return HttpResponseRedirect("/account/")


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
