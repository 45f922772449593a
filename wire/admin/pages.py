"""Pages of the admin beside its lists and forms."""

from collections.abc import Callable, Collection
from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from tokens.user import current_user


def section_page(
    service: str, view: Callable[..., HttpResponseBase], *, query: Collection[str] = (), repeated: Collection[str] = ()
) -> Callable[..., Any]:
    """A view for whom a service's section of the admin is open to; what it takes (`max_file`) stays known.

    `query` names what it takes in its query, `repeated` what of that may be there several times (`wire.queries`).
    """

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not current_user(request).has_module_perms(service):
            raise PermissionDenied

        return view(request, *args, **kwargs)

    guarded.query, guarded.repeated = frozenset((*query, *repeated)), frozenset(repeated)  # type: ignore[attr-defined]
    return admin.site.admin_view(guarded)
