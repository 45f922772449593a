"""Orders for staff: read-only, moved on by actions that call what the API calls."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.http import HttpRequest
from django.utils.html import format_html_join

from orders import transitions
from orders.lifecycle import ACTIONS, Status
from orders.models import Event, Line, Order
from orders.resuming import attempt
from tokens.user import current_user
from wire.admin import EventAdmin, ReadOnlyAdmin, ReadOnlyInline
from wire.money import write_amount

Action = Callable[["OrderAdmin", HttpRequest, Any], None]

admin.site.register(Event, EventAdmin)


class Waiting(admin.SimpleListFilter):
    """Orders that are not finished with products."""

    title = "waiting"
    parameter_name = "waiting"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("unsettled", "To be settled"), ("owes", "Owes products"), ("pending", "Waits for products")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "unsettled":
            return queryset.unsettled()
        if self.value() == "owes":
            return queryset.owing()
        if self.value() == "pending":
            return queryset.filter(status=Status.PENDING)

        return queryset


class LineInline(ReadOnlyInline):
    """What was ordered."""

    model = Line
    fields = readonly_fields = ("product", "sku", "name", "quantity", "seen_price", "unit_price", "total")


class OrderActionForm(ActionForm):
    """The actions, with what paying needs to know."""

    reference = forms.CharField(required=False, max_length=200, label="Reference (to pay):")


def make_action(action: str) -> Action:
    """The admin action that takes an action on each order that was picked."""

    @admin.action(description=f"{action.capitalize()} the selected orders", permissions=["view"])
    def run(section: "OrderAdmin", request: HttpRequest, picked: Any) -> None:
        section.take_action(request, picked, action)

    run.__name__ = action
    return run


@admin.action(description="Settle the selected orders", permissions=["view"])
def settle(section: "OrderAdmin", request: HttpRequest, picked: Any) -> None:
    """Do at once what the resolver would do in time."""
    results = defaultdict(list)
    for order_id, number in picked.unsettled().values_list("pk", "number"):
        results[attempt(order_id)].append(number)
    section.report(request, "Settled", results["settled"])
    section.report(request, "Products did not answer for", results["left"], messages.WARNING)
    section.report(request, "Products contradicts the order for", results["stuck"], messages.ERROR)
    if not results:
        section.message_user(request, "None of the selected orders needs settling.")


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    """Every order, with its lines and events. A change of status is an action, run outside any transaction."""

    list_display = ["number", "status", "customer_email", "amount", "created_at", "outbox"]
    list_filter = ["status", Waiting, "created_at"]
    search_fields = ["number", "customer_email"]
    search_help_text = "Number or e-mail."
    inlines = [LineInline]
    action_form = OrderActionForm
    actions = [*map(make_action, ACTIONS), settle]
    fields = readonly_fields = (
        "number",
        "status",
        "amount",
        "customer_name",
        "customer_email",
        "customer_id",
        *Order.GIVEN,
        "created_at",
        "placed_at",
        "payment_reference",
        "outbox",
        "rejection",
        "timeline",
    )

    @admin.display(description="total", empty_value="-")
    def amount(self, order: Order) -> str | None:
        return None if order.total is None else f"{write_amount(order.total, order.currency)} {order.currency}"

    @admin.display(description="events")
    def timeline(self, order: Order) -> str:
        events = Event.objects.about(order)
        rows = ((f"{event.at:%Y-%m-%d %H:%M:%S}", event.what, event.sub) for event in events)
        return format_html_join("", "<div>{} UTC: {} by {}</div>", rows)

    def take_action(self, request: HttpRequest, picked: Any, action: str) -> None:
        """Take an action on each order that was picked, and say which allowed it."""
        reference = request.POST.get("reference", "").strip() if action == "pay" else ""
        if action == "pay" and not reference:
            self.message_user(request, "Enter a reference to mark orders as paid.", messages.ERROR)
            return

        results = defaultdict(list)
        for order_id, number in picked.values_list("pk", "number"):
            results[self.try_action(request, order_id, action, reference)].append(number)
        for result, numbers in results.items():
            refused = result.startswith("Not")
            self.report(request, result, numbers, messages.WARNING if refused else messages.SUCCESS)

    def try_action(self, request: HttpRequest, order_id: UUID, action: str, reference: str) -> str:
        """Take an action on one order; what came of it."""
        try:
            order = transitions.take_action(order_id, action, by=current_user(request), reference=reference)
        except transitions.WrongStatus as error:
            return f"Not possible while {error.order.status}"
        return order.get_status_display()

    def report(self, request: HttpRequest, what: str, numbers: list[str], level: int = messages.SUCCESS) -> None:
        """Name orders to whoever acted on them, but not so many that a cookie could not hold it."""
        if numbers:
            more = f" and {len(numbers) - 10} more" if len(numbers) > 10 else ""
            self.message_user(request, f"{what}: {', '.join(numbers[:10])}{more}.", level)
