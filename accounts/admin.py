"""Accounts in the admin: who there is, what they may do, where they are logged in."""

import json
from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.db import transaction
from django.db.models import Exists, OuterRef, Prefetch, QuerySet
from django.db.models.functions import Upper
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import pluralize
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from accounts.factors import removal
from accounts.login.throttling import read_address
from accounts.models import Client, Event, Mail, Role, Session, SigningKey, User, combined_scopes
from accounts.oauth import clients
from accounts.people import access, deletion
from database.beginnings import in_capitals
from tokens.registry import ROLES, services
from tokens.scopes import APP_SCOPES, CLIENT_SCOPES, ROLE_SCOPES, SCOPES, SERVICES
from tokens.user import current_user
from wire import text
from wire.admin.forms import CheckedForm
from wire.admin.links import link_section, may_open
from wire.admin.lists import MAX_CHOICES, Days, OneOf, StoredValues, beginning, first_found
from wire.admin.sections import EventAdmin, EventedAdmin, ReadOnlyAdmin, ReadOnlyInline
from wire.mail.admin import MailAdmin
from wire.normalizing import take


def tell_ended(ended: int) -> str:
    """How many sessions were ended, for who ended them."""
    if not ended:
        return "No session of them goes on, and nothing was done."

    return f"{ended} session{pluralize(ended)} ended; tokens of it are refused everywhere within seconds."


def changed_columns(form: Any) -> list[str]:
    """The columns that a form changes, so that no other is written back as it was read."""
    columns = {field.name for field in form.instance._meta.concrete_fields}
    return [name for name in form.changed_data if name in columns]


def may_touch(request: HttpRequest, scopes: Iterable[str]) -> bool:
    """Whether the bearer holds all of `scopes`; asked once in a request."""
    if not hasattr(request, "held_scopes"):
        request.held_scopes = access.held_scopes(current_user(request))  # type: ignore[attr-defined]
    return request.held_scopes.issuperset(scopes)  # type: ignore[attr-defined]


class UserForm(CheckedForm):
    """A user. Their password is their own: a link is mailed by which they choose it."""

    class Meta:
        model = User
        fields = ["email", "name", "is_active", "roles"]
        widgets = {"roles": forms.CheckboxSelectMultiple}


class SessionInline(ReadOnlyInline):
    model = Session
    fields = readonly_fields = ("created_at", "rotated_at", "client_id", "device_name", "address")
    verbose_name_plural = "active sessions"
    ordering = ["-rotated_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        queryset: Any = super().get_queryset(request)
        return queryset.alive().unexpired().select_related("user")


class OfRole(admin.SimpleListFilter):
    """The people with a role; Django's own would sort all of them by all columns, to show nobody twice."""

    title, parameter_name = "role", "roles__id__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        return [(role.pk, role.name) for role in Role.objects.filter(deleted_at=None)[:MAX_CHOICES]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        if self.value() is None:
            return queryset
        if not str(self.value()).isdecimal():
            raise IncorrectLookupParameters

        has_role = User.roles.through.objects.filter(user=OuterRef("pk"), role=int(str(self.value())))
        return queryset.filter(Exists(has_role))


@admin.register(User)
class UserAdmin(EventedAdmin):
    """Users. Nobody is deleted here by accident: `is_active` shuts a user out at once."""

    form = UserForm
    list_display = ["email", "name", "role_names", "is_active", "last_login", "created_at"]
    list_filter = ["is_active", OfRole, ("created_at", Days)]
    ordering = ["-created_at", "-id"]
    sortable_by = ["email", "created_at"]
    search_fields = ["email", "name"]
    search_help_text = "An id, or the beginning of an e-mail address; where none begins so, of a name."
    readonly_fields = [
        "id",
        "address_words",
        "password_words",
        "last_login",
        "created_at",
        "has_second_factor",
        "all_sessions",
        "elsewhere",
    ]
    inlines = [SessionInline]
    actions = ["send_password_links", "end_sessions", "disable", "remove_second_factors"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related(Prefetch("roles", Role.objects.filter(deleted_at=None)))

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        if not search_term:
            return queryset, False

        with_id = queryset.filter(pk=text.read_id(search_term))
        by_email = beginning(queryset, "email", text.email(search_term))
        name = take(text.line, search_term)
        by_name = beginning(queryset, Upper("name"), in_capitals(name, using=queryset.db))
        return first_found(with_id, by_email, by_name if name else queryset.none()), False

    @admin.display(description="roles")
    def role_names(self, user: User) -> str:
        return ", ".join(role.name for role in user.roles.all())

    @admin.display(description="e-mail address confirmed")
    def address_words(self, user: User) -> str:
        """Whether the person showed that they read mail at the address, and at which one they want to."""
        confirmed = f"{user.email_verified_at:%-d %b %Y, %H:%M} UTC" if user.email_verified_at else "Not yet"
        return f"{confirmed}; to be {user.pending_email}" if user.pending_email else confirmed

    @admin.display(description="password")
    def password_words(self, user: User) -> str:
        """Whether there is one, and how staff help; never what it is."""
        if not user.email:
            return "The person chooses it by a link that is mailed once this is saved."

        chosen = "Chosen by the person" if user.has_usable_password() else "Not chosen yet"
        return f"{chosen}. An action of the list of users mails a link to choose one."

    @admin.display(description="sessions")
    def all_sessions(self, user: User) -> str:
        address = reverse("admin:accounts_session_changelist")
        text = '<a href="{}?user__id__exact={}">All sessions</a>; the latest used of the active ones are below.'
        return format_html(text, address, user.pk) if user.email else "-"

    @admin.display(description="elsewhere")
    def elsewhere(self, user: Any) -> str:
        """What they ordered, and what they did, in the sections that are open to who looks."""
        if not user.email:
            return "-"

        evented = [name for name, service in services().items() if "event" in service.sections]
        links = {"orders/order/?customer=": "Orders", **{f"{name}/event/?q=": f"Events of {name}" for name in evented}}
        shown = [(address, label) for address, label in links.items() if may_open(user.seen_by, address)]
        rows = ((link_section(user.seen_by, f"{address}{user.pk}", label),) for address, label in shown)
        return format_html_join(" · ", "{}", rows)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        """Of a new user only what will be; one's own address is changed on the account page."""
        if not obj:
            return ["password_words"]

        is_own = obj.sub == current_user(request).sub
        return [*(["email"] if is_own else []), *self.readonly_fields]

    def get_inlines(self, request: HttpRequest, obj: User | None) -> list[Any]:
        return self.inlines if obj else []

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Nobody changes or deletes a user who holds more than they do themselves."""
        may_change = super().has_change_permission(request, obj)
        return may_change and (not obj or may_touch(request, combined_scopes(obj.roles.all())))

    has_delete_permission = has_change_permission

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """The roles that the bearer may give."""
        roles = Role.objects.filter(deleted_at=None)
        given = [role.pk for role in roles if may_touch(request, combined_scopes([role]))]
        return super().formfield_for_manytomany(db_field, request, **kwargs, queryset=Role.objects.filter(pk__in=given))

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        roles, by = form.cleaned_data["roles"], current_user(request)
        if not change:
            if access.create_user(obj, roles, by=by):
                messages.info(request, f"A mail went out to {obj.email}, with a link to choose a password.")
            return

        access.change_user(obj, changed_columns(form), roles=roles if "roles" in form.changed_data else None, by=by)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Nothing: the roles are stored with the user."""

    @admin.action(description="Send the selected users a link to choose a password", permissions=["change"])
    def send_password_links(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        sent = access.send_password_links(queryset, by=current_user(request))
        words = f"{sent} link{pluralize(sent)} sent. Whoever is disabled, or had many in this hour, gets none."
        self.message_user(request, words, messages.SUCCESS if sent else messages.WARNING)

    @admin.action(description="End all sessions of the selected users", permissions=["change"])
    def end_sessions(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        ended = access.end_sessions(Session.objects.filter(user__in=queryset), by=current_user(request))
        self.message_user(request, tell_ended(ended), messages.SUCCESS if ended else messages.WARNING)

    @admin.action(description="Disable the selected users", permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        disabled = access.disable(queryset, by=current_user(request))
        if not disabled:
            self.message_user(request, "They were disabled already, and nothing was done.", messages.WARNING)
            return

        users, their = (f"{disabled} user{pluralize(disabled)}"), "their tokens are refused everywhere within seconds"
        self.message_user(request, f"{users} disabled; {their}.", messages.SUCCESS)

    @admin.action(description="Remove the second factors of the selected users, who lost them", permissions=["change"])
    def remove_second_factors(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        changed = removal.remove_all(queryset, by=current_user(request))
        if not changed:
            self.message_user(request, "They have no second factor, and nothing was done.", messages.WARNING)
            return

        said = (
            f"{changed} user{pluralize(changed)} without a second factor now, logged out everywhere, and told by mail."
        )
        self.message_user(request, said, messages.SUCCESS)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        deletion.delete_user(obj, by=current_user(request))

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        # All of them before anything else is locked, in one order.
        access.lock_users(queryset)
        super().delete_queryset(request, queryset)


def checkboxes(labels: Mapping[str, str], *, required: bool = True) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(choices=labels, widget=forms.CheckboxSelectMultiple, required=required)


class RoleForm(CheckedForm):
    scopes = checkboxes({scope: f"{scope}: {SCOPES[scope]}" for scope in ROLE_SCOPES}, required=False)

    class Meta:
        model = Role
        fields = ["name", "scopes"]


class ScopedAdmin(EventedAdmin):
    """A section whose rows carry scopes: nobody gives, changes or deletes what goes beyond their own."""

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The form with the scopes that the bearer may give."""
        form = super().get_form(request, obj, change, **kwargs)
        for name in {"scopes", "app_scopes"} & form.base_fields.keys():
            # A copy: the field itself is every request's.
            field: Any = deepcopy(form.base_fields[name])
            field.choices = [(scope, label) for scope, label in field.choices if may_touch(request, [scope])]
            form.base_fields[name] = field
        return form

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may_change = super().has_change_permission(request, obj)
        return may_change and (not obj or may_touch(request, self.reach_of(obj)))

    def reach_of(self, obj: Any) -> Iterable[str]:
        """What whoever changes a row has to hold."""
        return obj.scopes


@admin.register(Role)
class RoleAdmin(ScopedAdmin):
    """Roles; what code relies on keeps its name and stays."""

    form = RoleForm
    list_display = ["name", "scope_words"]
    search_fields = ["name"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Role]:
        return super().get_queryset(request).filter(deleted_at=None)

    @admin.display(description="scopes")
    def scope_words(self, role: Role) -> str:
        return " ".join(role.scopes)

    def get_readonly_fields(self, request: HttpRequest, obj: Role | None = None) -> list[str]:
        return ["name"] if obj and obj.name in ROLES else []

    def has_delete_permission(self, request: HttpRequest, obj: Role | None = None) -> bool:
        return self.has_change_permission(request, obj) and not (obj and obj.name in ROLES)

    def save_model(self, request: HttpRequest, obj: Role, form: Any, change: bool) -> None:
        access.store_role(obj, by=current_user(request))

    def delete_model(self, request: HttpRequest, obj: Role) -> None:
        access.delete_role(obj, by=current_user(request))


@admin.register(Session)
class SessionAdmin(ReadOnlyAdmin):
    list_display = ["user", "client_id", "device_name", "address", "created_at", "rotated_at", "ended_at", "end_reason"]
    list_filter = [
        ("user", OneOf),
        ("client_id", StoredValues),
        ("ended_at", admin.EmptyFieldListFilter),
        ("created_at", Days),
    ]
    list_select_related = ["user"]
    sortable_by = ["created_at"]
    search_fields = ["user__email", "address"]
    search_help_text = "The beginning of an e-mail address, or a whole IP address."
    actions = ["end_selected"]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        if address := read_address(search_term.strip()):
            return queryset.filter(address=address), False

        return (beginning(queryset, "user__email", text.email(search_term)) if search_term else queryset), False

    @admin.action(description="End the selected sessions", permissions=["view"])
    def end_selected(self, request: HttpRequest, queryset: QuerySet[Session]) -> None:
        ended = access.end_sessions(Session.objects.filter(pk__in=queryset), by=current_user(request))
        self.message_user(request, tell_ended(ended), messages.SUCCESS if ended else messages.WARNING)


@admin.register(SigningKey)
class SigningKeyAdmin(ReadOnlyAdmin):
    """The keys that sign tokens; what is private is not shown."""

    list_display = ["kid", "algorithm", "state", "created_at", "signs_from", "retired_at", "published_until"]
    list_filter = ["state", "algorithm"]
    fields = ["kid", "algorithm", "state", "created_at", "signs_from", "retired_at", "published_until", "public_jwk"]


class KeysDecoder(json.JSONDecoder):
    """The usual one, but what is nested too deep, or holds a number that is too long, is told as what is no JSON."""

    def decode(self, s: str, *args: Any) -> Any:
        try:
            return super().decode(s, *args)
        except (RecursionError, ValueError) as error:
            raise json.JSONDecodeError("This cannot be read", s, 0) from error


class KeysField(forms.JSONField):
    """A JWK set; nothing is shown where there is none."""

    def prepare_value(self, value: Any) -> Any:
        return "" if value is None else super().prepare_value(value)


class ClientForm(CheckedForm):
    """A machine, which does something by itself, or an app, which people log in to, or both."""

    scopes = checkboxes({scope: f"{scope}: {SCOPES[scope]}" for scope in CLIENT_SCOPES}, required=False)
    audience = checkboxes({service: service for service in SERVICES}, required=False)
    app_scopes = checkboxes({scope: f"{scope}: {SCOPES[scope]}" for scope in APP_SCOPES}, required=False)
    scopes.help_text = (
        "What it does by itself, in nobody's name. Empty for an app, and for what only exchanges people's tokens."
    )
    audience.help_text = "The services that it calls by itself, or with the tokens of people that it exchanges."
    app_scopes.label = "What people may let it do"
    app_scopes.help_text = "What the app may ask people for; it never gets more than they may do themselves."
    jwks = KeysField(
        label="Keys",
        required=False,
        decoder=KeysDecoder,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="A JWK set of public keys by which it may prove who it is, instead of a secret (private_key_jwt).",
    )

    class Meta:
        model = Client
        fields = [
            *["client_id", "name", "is_active", "scopes", "audience"],
            *["redirect_uris", "logout_uris", "app_scopes", "is_public", "is_first_party", "logo_text", "jwks"],
        ]
        widgets = {name: forms.Textarea(attrs={"rows": 3}) for name in ("redirect_uris", "logout_uris")}
        help_texts = {
            "client_id": "By this it says who it is: a-z, 0-9 and -, such as my-orders. It cannot be changed later.",
            "is_public": "It cannot keep a secret, as an app on a phone, and has none. It cannot be changed later.",
        }

    def clean_redirect_uris(self) -> str:
        """One on each line, however the browser ends its lines."""
        return "\n".join(self.cleaned_data["redirect_uris"].split())

    def clean_logout_uris(self) -> str:
        return "\n".join(self.cleaned_data["logout_uris"].split())

    def clean(self) -> dict[str, Any]:
        """A machine calls some service, if only with the tokens of people; an app need not."""
        said = super().clean()
        if not said.get("redirect_uris") and not said.get("audience") and "audience" not in self.errors:
            self.add_error("audience", "This field is required, but for an app, which has redirect addresses.")
        if said.get("redirect_uris") and said.get("scopes") and not said.get("app_scopes"):
            self.add_error("app_scopes", "Say what people may let the app do, or take its redirect addresses away.")
        return said


@admin.register(Client)
class ClientAdmin(ScopedAdmin):
    """Machines that log in; a secret is shown once, in the answer to the form that made it."""

    form = ClientForm
    fieldsets = [
        (None, {"fields": ["client_id", "name", "is_active"]}),
        (
            "An app that people log in to",
            {"fields": ["redirect_uris", "logout_uris", "app_scopes", "is_public", "is_first_party", "logo_text"]},
        ),
        ("A machine", {"fields": ["scopes", "audience"]}),
        ("Keys", {"fields": ["jwks"]}),
    ]
    list_display = ["client_id", "name", "scopes", "audience", "app_scopes", "is_active", "created_at"]
    list_filter = ["is_active"]
    search_fields = ["client_id", "name"]
    actions = ["renew_secrets", "add_secrets"]

    def get_readonly_fields(self, request: HttpRequest, obj: Client | None = None) -> list[str]:
        # What has a secret, or none, is another client.
        fixed = ["client_id", "is_public"] if obj else []
        return fixed if may_touch(request, ROLE_SCOPES) else [*fixed, "is_first_party"]

    def reach_of(self, obj: Client) -> Iterable[str]:
        return clients.reach_of(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Clients are switched off: their id must never come to mean another."""
        return False

    def save_model(self, request: HttpRequest, obj: Client, form: Any, change: bool) -> None:
        """Save; no token of a client carries what it may no longer do."""
        if change:
            fields = {name: form.cleaned_data[name] for name in changed_columns(form)}
            clients.change_client(Client.objects.get(pk=obj.pk), fields, by=current_user(request))
        else:
            form.secret = clients.register_client(obj, by=current_user(request))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Nothing is related; the secret of a new client goes on to the answer."""
        request.made_secret = getattr(form, "secret", "")  # type: ignore[attr-defined]

    def log_change(self, request: HttpRequest, obj: Client, message: Any) -> None:  # type: ignore[override]
        """Nothing: the use case has recorded it."""

    log_addition = log_change  # type: ignore[assignment]

    def response_add(self, request: HttpRequest, obj: Client, post_url_continue: str | None = None) -> HttpResponse:
        if not request.made_secret:  # type: ignore[attr-defined]
            return super().response_add(request, obj, post_url_continue)

        return self.show_secrets(request, [(obj, request.made_secret)])  # type: ignore[attr-defined]

    @admin.action(description="Give the selected clients new secrets", permissions=["change"])
    def renew_secrets(self, request: HttpRequest, queryset: QuerySet[Client]) -> HttpResponse:
        found = queryset.filter(is_public=False)
        return self.show_secrets(request, clients.renew_secrets(found, by=current_user(request)))

    @admin.action(description="Give them a second secret, the first works for a week", permissions=["change"])
    def add_secrets(self, request: HttpRequest, queryset: QuerySet[Client]) -> HttpResponse:
        found = queryset.filter(is_public=False)
        secrets = clients.add_secrets(found, by=current_user(request))
        return self.show_secrets(request, secrets, former="A secret from before works for another week.")

    def show_secrets(
        self, request: HttpRequest, secrets: list[tuple[Client, str]], former: str = "A secret from before is void."
    ) -> HttpResponse:
        """A page that nobody stores, with secrets that are nowhere else."""
        context = {**self.admin_site.each_context(request), "title": "New secrets", "secrets": secrets}
        context |= {"opts": self.opts, "former": former}
        response = TemplateResponse(request, "admin/accounts/client/secrets.html", context)
        response["Cache-Control"] = "private, no-store"
        return response


admin.site.register(Event, EventAdmin)
admin.site.register(Mail, MailAdmin)
