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
from orders.models import Event, Line, Order, OrderQuerySet
from orders.resuming import attempt
from tokens.user import current_user
from wire.admin import EventAdmin, QuestionFilter, ReadOnlyAdmin, ReadOnlyInline
from wire.money import write_amount

admin.site.register(Event, EventAdmin)


class Waiting(QuestionFilter):
    """Orders that are not finished with products."""

    title = parameter_name = "waiting"
    questions = {
        "unsettled": ("To be settled", OrderQuerySet.unsettled),
        "owes": ("Owes products", OrderQuerySet.owing),
        "pending": ("Waits for products", lambda orders: orders.filter(status=Status.PENDING)),
    }


class LineInline(ReadOnlyInline):
    """What was ordered."""

    model = Line
    fields = readonly_fields = ("product", "sku", "name", "quantity", "seen_price", "unit_price", "total")


class OrderActionForm(ActionForm):
    """The actions, with what paying needs to know."""

    reference = forms.CharField(required=False, max_length=200, label="Reference (to pay):")


def make_action(action: str) -> Callable[..., None]:
    """The admin action that takes an action on each order that was picked."""

    @admin.action(description=f"{action.capitalize()} the selected orders", permissions=["view"])
    def run(section: "OrderAdmin", request: HttpRequest, picked: Any) -> None:
        section.take_action(request, picked, action)

    run.__name__ = action
    return run


SETTLED = {
    "settled": ("Settled", messages.SUCCESS),
    "left": ("Products did not answer for", messages.WARNING),
    "stuck": ("Products contradicts the order for", messages.ERROR),
}


@admin.action(description="Settle the selected orders", permissions=["view"])
def settle(section: "OrderAdmin", request: HttpRequest, picked: Any) -> None:
    """Do at once what the resolver would do in time."""
    if not section.run_each(request, picked.unsettled(), lambda order_id: SETTLED[attempt(order_id)]):
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
        rows = ((f"{event.at:%Y-%m-%d %H:%M:%S}", event.what, event.sub) for event in Event.objects.about(order))
        return format_html_join("", "<div>{} UTC: {} by {}</div>", rows)

    def take_action(self, request: HttpRequest, picked: Any, action: str) -> None:
        """Take an action on each order that was picked, and say which allowed it."""
        reference = request.POST.get("reference", "").strip() if action == "pay" else ""
        if action == "pay" and not reference:
            self.message_user(request, "Enter a reference to mark orders as paid.", messages.ERROR)
            return

        self.run_each(request, picked, lambda order_id: try_action(request, order_id, action, reference))

    def run_each(self, request: HttpRequest, picked: Any, run: Callable[[UUID], tuple[str, int]]) -> bool:
        """Do something to each order, and name the orders by what came of it; whether there were any."""
        results = defaultdict(list)
        for order_id, number in picked.values_list("pk", "number"):
            results[run(order_id)].append(number)
        for (text, level), numbers in results.items():
            # Not so many that a cookie could not hold it.
            more = f" and {len(numbers) - 10} more" if len(numbers) > 10 else ""
            self.message_user(request, f"{text}: {', '.join(numbers[:10])}{more}.", level)
        return bool(results)


def try_action(request: HttpRequest, order_id: UUID, action: str, reference: str) -> tuple[str, int]:
    """Take an action on one order; what came of it, and the level of the message that says so."""
    try:
        order = transitions.take_action(order_id, action, by=current_user(request), reference=reference)
    except transitions.WrongStatus as error:
        return f"Not possible while {error.order.status}", messages.WARNING
    return order.get_status_display(), messages.SUCCESS
