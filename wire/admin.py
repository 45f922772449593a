"""The base of every admin section: events instead of LogEntry, a reader's rights by default."""

from collections.abc import Callable, Mapping
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from tokens.user import current_user
from wire.events import EventQuerySet


class EventedAdmin(admin.ModelAdmin):
    """A section whose history is the service's `Event` table."""

    show_full_result_count = False
    list_per_page = 50

    def events(self) -> EventQuerySet:
        return apps.get_model(self.opts.app_label, "Event").objects.all()

    def record(self, request: HttpRequest, subject: Model, what: str, **facts: Any) -> None:
        self.events().record(subject, what, by=current_user(request), **facts)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:  # type: ignore[override]
        self.record(request, obj, "added")

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:  # type: ignore[override]
        parts = [part.get("changed", {}) for part in message if isinstance(part, dict)]
        changed = [name for part in parts for name in part.get("fields", [])]
        self.record(request, obj, "changed", fields=changed)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:  # type: ignore[override]
        for subject in queryset:
            self.record(request, subject, "deleted", name=str(subject))

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        """Delete one by one: what has to be done with each is done for those of the action, too."""
        for subject in queryset:
            self.delete_model(request, subject)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """The events of one thing, newest first."""
        subject = self.get_object(request, object_id)
        if subject is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined]
        if not self.has_view_or_change_permission(request, subject):
            raise PermissionDenied

        context = {
            **self.admin_site.each_context(request),
            "title": f"History of {subject}",
            "events": self.events().about(subject).reverse()[:200],
            "object": subject,
            "opts": self.opts,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/event_history.html", context)


class ReadOnly:
    """Nothing is added, changed or deleted."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_change_permission = has_delete_permission = has_add_permission


class ReadOnlyAdmin(ReadOnly, EventedAdmin):
    """A section that shows and never edits; what may be done is an action."""


class ReadOnlyInline(ReadOnly, admin.TabularInline):
    """Rows shown below a thing, never edited there."""

    extra = 0


class EventAdmin(ReadOnlyAdmin):
    """The whole trail of a service, searchable."""

    list_display = ["at", "what", "kind", "subject", "sub", "client_id", "request_id"]
    list_filter = ["what", "kind", "at"]
    search_fields = ["subject", "sub", "request_id"]


class QuestionFilter(admin.SimpleListFilter):
    """A filter of a list: by what stands in the address, a label and what narrows the rows."""

    questions: Mapping[str, tuple[str, Callable[[Any], Any]]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, label) for value, (label, _) in self.questions.items()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        _, ask = self.questions.get(self.value() or "", ("", lambda rows: rows))
        return ask(queryset)
