"""Mails in the admin: what became of each, never what it says."""

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest
from django.template.defaultfilters import pluralize

from wire import text
from wire.admin.lists import Days, StoredValues
from wire.admin.sections import ReadOnlyAdmin
from wire.mail.table import State


class MailAdmin(ReadOnlyAdmin):
    """Whom a mail went to, what it is about, and whether it was sent."""

    list_display = ["to", "kind", "state", "attempts", "error", "next_try", "written_at"]
    list_filter = ["state", ("kind", StoredValues), ("written_at", Days)]
    sortable_by = ["written_at"]
    search_fields = ["to"]
    search_help_text = "The whole e-mail address."
    fields = ["to", "kind", "state", "attempts", "error", "next_try", "written_at", "expires_at", "settled_at"]
    actions = ["send_again"]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        return (queryset.filter(to=text.email(search_term)) if search_term else queryset), False

    @admin.display(description="next try")
    def next_try(self, mail: Any) -> Any:
        return mail.next_try_at if mail.state == State.WAITING else None

    @admin.action(description="Send the selected mails again that failed", permissions=["view"])
    def send_again(self, request: HttpRequest, queryset: Any) -> None:
        chosen = list(queryset[:1000])
        again = [mail for mail in chosen if self.send_one(request, mail)]
        level = messages.SUCCESS if again else messages.WARNING
        number = f"{len(again)} of {len(chosen)} mail{pluralize(len(chosen))}"
        self.message_user(request, f"{number} will be sent again. Only what failed is.", level)

    @transaction.atomic
    def send_one(self, request: HttpRequest, mail: Any) -> bool:
        sent = type(mail).objects.send_again(mail)
        if sent:
            self.record(request, mail, "mail sent again")
        return bool(sent)
