"""The base of every admin section: events instead of LogEntry, a reader's rights by default, everything bounded."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from django.apps import apps
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import quote, unquote
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Model
from django.forms import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from tokens.user import current_user
from wire.admin.facts import describe_facts
from wire.admin.forms import CheckedForm
from wire.admin.links import link_person, link_section
from wire.admin.lists import (
    MAX_ROWS,
    UNREADABLE,
    BoundedChangeList,
    BoundedPaginator,
    Days,
    StoredValues,
    UnknownAddress,
    check_address,
    first_found,
    read_key,
)
from wire.error_pages import error_page
from wire.events import EventQuerySet
from wire.text import read_id

BREAK = format_html("<br>{}", "")
MAX_HISTORY = 200
"""Events that a history shows."""
MAX_INLINE = 50
"""Rows that are shown below a thing."""


class EventedAdmin(admin.ModelAdmin):
    """A section whose history is the service's `Event` table.

    What a use case refuses, it says by a `ValidationError`: the form is shown again with its text, an action or a
    deletion does nothing and says it in a message.
    """

    form = CheckedForm
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = MAX_ROWS
    paginator = BoundedPaginator
    show_facets = admin.ShowFacets.NEVER
    view_on_site = False

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
        """Nothing: a deletion is recorded when it is done."""

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.record(request, obj, "deleted", name=str(obj))
        obj.delete()

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        """Delete one by one, all or none: what has to be done with each is done for those of the action, too."""
        for subject in queryset:
            self.delete_model(request, subject)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Only the things themselves: what goes with them may be thousands of rows."""
        return [str(subject) for subject in objs], {}, set(), []

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """A row, which nobody else changes while a form of it is stored; None for what can be no id, too."""
        key, rows = read_key(self.opts.pk, object_id), self.get_queryset(request)
        if request.method == "POST" and transaction.get_connection(rows.db).in_atomic_block:
            rows = rows.select_for_update(of=("self",), no_key=True)
        found = [] if key is None else list(rows.filter(pk=key)[:1])
        self.prepare(request, found)
        return found[0] if found else None

    def prepare(self, request: HttpRequest, rows: Iterable[Any]) -> None:
        """Make rows ready to be shown: they know who looks at them, for the links that are open to them."""
        for row in rows:
            row.seen_by = current_user(request)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BoundedChangeList]:
        return BoundedChangeList

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The list that an address asks for; raises `UnknownAddress` for what the list does not offer."""
        check_address(request.GET)
        try:
            return super().get_changelist_instance(request)
        except UNREADABLE as error:
            raise UnknownAddress("A filter in the address has a value that it cannot have.") from error

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        try:
            response = super().changelist_view(request, extra_context)
        except UnknownAddress as error:
            return error_page(request, 400, str(error))
        if listed := (getattr(response, "context_data", None) or {}).get("cl"):
            self.prepare(request, listed.result_list)
        return response

    def response_action(  # type: ignore[override]
        self, request: HttpRequest, queryset: Any, **options: Any
    ) -> HttpResponse | None:
        """Run an action on at most `MAX_ROWS` rows; on none if one of the ids can be none."""
        picked = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if any(read_key(self.opts.pk, text) is None for text in picked[: MAX_ROWS + 1]):
            raise UnknownAddress("Something was selected that is no row of this list.")

        try:
            check_number(picked if request.POST.get("select_across", "0") in ("", "0") else queryset)
            return super().response_action(request, queryset, **options)
        except ValidationError as error:
            self.message_user(request, " ".join(error.messages), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """Django's; what a use case refuses is rolled back, and said in the form."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except ValidationError as error:
            request.refusal = error  # type: ignore[attr-defined]
            return super().changeform_view(request, object_id, form_url, extra_context)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        try:
            return super().delete_view(request, object_id, extra_context)
        except ValidationError as error:
            self.message_user(request, " ".join(error.messages), messages.ERROR)
            name = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
            return HttpResponseRedirect(reverse(name, args=[object_id]))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.refusal = getattr(request, "refusal", None)
        return form

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """All but the hidden one, which the template puts into the form."""
        return [name for name in super().get_fields(request, obj) if name != "opened"]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Nothing: an address fills in no form."""
        return {}

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """A field without the buttons that open windows."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget = field.widget.widget
        return field

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """The events of one thing, newest first."""
        subject = self.get_object(request, unquote(object_id))
        if subject is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined]
        if not self.has_view_or_change_permission(request, subject):
            raise PermissionDenied

        context = {
            **self.admin_site.each_context(request),
            "title": f"History of {subject}",
            "events": show_events(current_user(request), self.events().about(subject).reverse()[:MAX_HISTORY]),
            "most": MAX_HISTORY,
            "object": subject,
            "opts": self.opts,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/event_history.html", context)


class ShownEvent(NamedTuple):
    """An event for people to read."""

    event: Any
    who: str
    details: list[str]


def show_events(viewer: Any, events: Iterable[Any]) -> list[ShownEvent]:
    """Events with who it was by name, leading to their account, and the facts in words."""
    found = list(events)
    if found:
        type(found[0]).name_actors(found)
    return [ShownEvent(one, link_person(viewer, one.sub, one.actor), describe_facts(one.facts)) for one in found]


def check_number(rows: Any) -> None:
    """Raise `ValidationError` for more rows than an action takes."""
    if len(rows[: MAX_ROWS + 1]) > MAX_ROWS:
        raise ValidationError(
            f"An action takes at most {MAX_ROWS} rows at once, and nothing was done. Narrow the list, or take a page."
        )


class ReadOnly:
    """Nothing is added, changed or deleted."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_change_permission = has_delete_permission = has_add_permission


class ReadOnlyAdmin(ReadOnly, EventedAdmin):
    """A section that shows and never edits; what may be done is an action."""


class ShownRows(BaseInlineFormSet):
    """The first rows of a thing, however many there are; nothing that a form sends is taken for one of them."""

    def __init__(self, data: Any = None, files: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.new_objects, self.changed_objects, self.deleted_objects = [], [], []

    def get_queryset(self) -> Any:
        if not hasattr(self, "_queryset"):
            self._queryset = super().get_queryset()[:MAX_INLINE]
            for row in self._queryset:
                # Not asked for again by each row.
                setattr(row, self.fk.name, self.instance)
        return self._queryset

    def is_valid(self) -> bool:
        return True

    def save(self, commit: bool = True) -> list[Any]:
        return []


class ReadOnlyInline(ReadOnly, admin.TabularInline):
    """Rows shown below a thing, never edited there; the first ones, if they are many."""

    extra = 0
    formset = ShownRows
    template = "admin/shown_rows.html"


class EventAdmin(ReadOnlyAdmin):
    """The whole trail of a service, searchable."""

    list_display = ["at", "what", "about", "who", "details"]
    fields = readonly_fields = ("at", "what", "about", "who", "details", "id_of_who", "client_id", "request_id")
    list_filter = [("what", StoredValues), ("kind", StoredValues), ("at", Days)]
    search_fields = ["subject", "sub", "request_id"]
    search_help_text = "A whole id: of who did it, else of what it happened to, else of the request."
    ordering = ["-at", "-id"]
    sortable_by = ["at"]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        words = search_term.strip()
        if not words:
            return queryset, False

        ids = {words, str(read_id(words) or words)}
        did, request_of = queryset.filter(sub__in=ids), queryset.filter(request_id__in=ids)
        return first_found(did, queryset.named(ids), request_of), False

    def prepare(self, request: HttpRequest, rows: Iterable[Any]) -> None:
        """As every section; the events know by name what they happened to and who it was."""
        super().prepare(request, found := list(rows))
        self.model.name_actors(found)
        for kind in {event.kind for event in found}:
            name_subjects(self.opts.app_label, kind, [event for event in found if event.kind == kind])

    @admin.display(description="what it happened to")
    def about(self, event: Any) -> str:
        return format_html("{} {}", event.kind, event.named)

    @admin.display(description="who")
    def who(self, event: Any) -> str:
        return link_person(event.seen_by, event.sub, event.actor)

    @admin.display(description="id of who")
    def id_of_who(self, event: Any) -> str:
        return str(event.sub)

    @admin.display(description="details", empty_value="-")
    def details(self, event: Any) -> str:
        return format_html_join(BREAK, "{}", ([line] for line in describe_facts(event.facts)))


def with_related(model: Any) -> Any:
    """All rows of a model with those that they refer to, by which they may be called."""
    related = [field.name for field in model._meta.fields if field.is_relation]
    return model._base_manager.select_related(*related) if related else model._base_manager.all()


def name_subjects(service: str, kind: str, events: list[Any]) -> None:
    """Tell events of one kind what each happened to is called now, by one statement, and lead there."""
    model: Any = apps.all_models[service].get(kind)
    shown = model and admin.site.is_registered(model)
    keys = {event.subject: read_key(model._meta.pk, event.subject) for event in events} if shown else {}
    found = with_related(model).in_bulk({*keys.values()} - {None}) if shown else {}
    for event in events:
        subject = found.get(keys.get(event.subject))
        event.named = (
            link_section(event.seen_by, f"{service}/{kind}/{quote(event.subject)}/change/", str(subject))
            if subject
            else event.subject
        )


class QuestionFilter(admin.SimpleListFilter):
    """A filter of a list: by what stands in the address, a label and what narrows the rows."""

    questions: Mapping[str, tuple[str, Callable[[Any], Any]]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, label) for value, (label, _) in self.questions.items()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() is None:
            return queryset
        if self.value() not in self.questions:
            raise IncorrectLookupParameters

        _, ask = self.questions[str(self.value())]
        return ask(queryset)
