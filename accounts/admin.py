"""Accounts in the admin: who there is, what they may do, where they are logged in."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.login import sessions
from accounts.models import Client, Event, Role, Session, SigningKey, User
from accounts.oauth import clients
from accounts.people import access, deletion
from tokens.scopes import CLIENT_SCOPES, ROLE_SCOPES, SCOPES, SERVICES
from tokens.user import current_user
from wire.admin import EventAdmin, EventedAdmin, ReadOnlyAdmin, ReadOnlyInline


def changed_columns(form: Any) -> list[str]:
    """The columns that a form changes, so that no other is written back as it was read."""
    columns = {field.name for field in form.instance._meta.concrete_fields}
    return [name for name in form.changed_data if name in columns]


class UserForm(forms.ModelForm):
    """A user; a password may be set, never read."""

    new_password = forms.CharField(
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Leave empty to keep the current password.",
    )

    class Meta:
        model = User
        fields = ["email", "name", "is_active", "roles"]
        widgets = {"roles": forms.CheckboxSelectMultiple}

    def clean_new_password(self) -> str:
        password: str = self.cleaned_data["new_password"]
        if password:
            validate_password(password, self.instance)
        return password

    def save(self, commit: bool = True) -> User:
        if "password" in self.changed_fields():
            self.instance.password = make_password(self.cleaned_data["new_password"] or None)
        return super().save(commit)

    def changed_fields(self) -> list[str]:
        """The columns that were changed; without a password, nobody can log in."""
        has_password = self.cleaned_data["new_password"] or not self.instance.password
        return [*changed_columns(self), *(["password"] if has_password else [])]


class SessionInline(ReadOnlyInline):
    model = Session
    fields = readonly_fields = ("created_at", "rotated_at", "client_id", "device", "address")
    verbose_name_plural = "active sessions"
    ordering = ["-rotated_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        queryset: Any = super().get_queryset(request)
        return queryset.alive().unexpired().select_related("user")


@admin.register(User)
class UserAdmin(EventedAdmin):
    """Users. Nobody is deleted here by accident: `is_active` shuts a user out at once."""

    form = UserForm
    list_display = ["email", "name", "role_names", "is_active", "last_login", "created_at"]
    list_filter = ["is_active", "roles", "created_at"]
    search_fields = ["email", "name"]
    readonly_fields = ["id", "last_login", "created_at"]
    inlines = [SessionInline]
    actions = ["end_sessions", "disable"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("roles")

    @admin.display(description="roles")
    def role_names(self, user: User) -> str:
        return ", ".join(role.name for role in user.roles.all())

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        obj.save(update_fields=form.changed_fields() if change else None)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save, and let no token say more than the user may now do."""
        before = access.read_scopes(form.instance)
        super().save_related(request, form, formsets, change)
        access.apply_user_change(form.instance, before=before, changed=form.changed_data, by=current_user(request))

    @admin.action(description="End all sessions of the selected users", permissions=["change"])
    def end_sessions(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        ended = sessions.end(Session.objects.filter(user__in=queryset), reason="staff", by=current_user(request))
        self.message_user(request, f"{ended} sessions ended; their tokens are refused everywhere within seconds.")

    @admin.action(description="Disable the selected users", permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        disabled = sum(access.disable(user, by=current_user(request)) for user in queryset)
        self.message_user(request, f"{disabled} users disabled; their tokens are refused everywhere within seconds.")

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Only the users themselves: their sessions are deleted with them, without a question."""
        return [str(user) for user in objs], {}, set(), []

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        deletion.delete_user(obj, by=current_user(request))


def checkboxes(labels: Mapping[str, str], *, required: bool = True) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(choices=labels, widget=forms.CheckboxSelectMultiple, required=required)


class RoleForm(forms.ModelForm):
    scopes = checkboxes({scope: f"{scope}: {SCOPES[scope]}" for scope in ROLE_SCOPES}, required=False)

    class Meta:
        model = Role
        fields = ["name", "scopes"]


@admin.register(Role)
class RoleAdmin(EventedAdmin):
    form = RoleForm
    list_display = ["name", "scope_words"]
    search_fields = ["name"]

    @admin.display(description="scopes")
    def scope_words(self, role: Role) -> str:
        return " ".join(role.scopes)

    def save_model(self, request: HttpRequest, obj: Role, form: Any, change: bool) -> None:
        """Save, and let no token say more than the role now grants."""
        before = set(form.initial.get("scopes", []))
        super().save_model(request, obj, form, change)
        if before - set(obj.scopes):
            access.revoke_role_tokens(obj, by=current_user(request))

    def delete_model(self, request: HttpRequest, obj: Role) -> None:
        access.revoke_role_tokens(obj, by=current_user(request))
        super().delete_model(request, obj)


@admin.register(Session)
class SessionAdmin(ReadOnlyAdmin):
    list_display = ["user", "client_id", "device", "address", "created_at", "rotated_at", "ended_at", "end_reason"]
    list_filter = ["client_id", ("ended_at", admin.EmptyFieldListFilter), "created_at"]
    list_select_related = ["user"]
    search_fields = ["user__email", "address"]
    date_hierarchy = "created_at"
    actions = ["end_selected"]

    @admin.action(description="End the selected sessions", permissions=["view"])
    def end_selected(self, request: HttpRequest, queryset: QuerySet[Session]) -> None:
        ended = sessions.end(Session.objects.filter(pk__in=queryset), reason="staff", by=current_user(request))
        self.message_user(request, f"{ended} sessions ended; their tokens are refused everywhere within seconds.")


@admin.register(SigningKey)
class SigningKeyAdmin(ReadOnlyAdmin):
    """The keys that sign tokens; what is private is not shown."""

    list_display = ["kid", "algorithm", "state", "created_at", "signs_from", "retired_at", "published_until"]
    list_filter = ["state", "algorithm"]
    fields = ["kid", "algorithm", "state", "created_at", "signs_from", "retired_at", "published_until", "public_jwk"]


class ClientForm(forms.ModelForm):
    scopes = checkboxes({scope: f"{scope}: {SCOPES[scope]}" for scope in CLIENT_SCOPES})
    audience = checkboxes({service: service for service in SERVICES})

    class Meta:
        model = Client
        fields = ["client_id", "name", "scopes", "audience", "is_active"]


@admin.register(Client)
class ClientAdmin(EventedAdmin):
    """Machines that log in; a secret is shown once, when it is made."""

    form = ClientForm
    list_display = ["client_id", "name", "scopes", "audience", "is_active", "created_at"]
    list_filter = ["is_active"]
    search_fields = ["client_id", "name"]
    actions = ["renew_secrets"]

    def get_readonly_fields(self, request: HttpRequest, obj: Client | None = None) -> list[str]:
        return ["client_id"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Clients are switched off: their id must never come to mean another."""
        return False

    def save_model(self, request: HttpRequest, obj: Client, form: Any, change: bool) -> None:
        """Save; no token of a client carries what it may no longer do."""
        if not change:
            self.show_secret(request, obj, clients.register_client(obj, by=current_user(request)))
            return

        obj.save(update_fields=changed_columns(form))
        if {"scopes", "audience", "is_active"} & set(form.changed_data):
            clients.revoke_tokens(obj, by=current_user(request))

    @admin.action(description="Give the selected clients new secrets", permissions=["change"])
    def renew_secrets(self, request: HttpRequest, queryset: QuerySet[Client]) -> None:
        for client in queryset:
            self.show_secret(request, client, clients.renew_secret(client, by=current_user(request)))

    def show_secret(self, request: HttpRequest, client: Client, secret: str) -> None:
        text = f"The secret of {client} is {secret} — keep it now, it is not shown again."
        self.message_user(request, text, messages.WARNING)


admin.site.register(Event, EventAdmin)
