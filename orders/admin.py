"""Orders for staff: read-only, moved on by actions that call what the API calls."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import unquote
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, reverse
from django.utils.html import format_html
from django.utils.http import urlencode

from orders.admin_pages import actions, export
from orders.admin_pages.actions import PAGES
from orders.lifecycle import Status
from orders.models import Event, Line, Mail, Order, OrderQuerySet
from orders.order_details import sum_lines
from orders.page_texts import explain_refusal
from orders.waiting import describe_calls, explain_wait
from tokens.user import current_user
from wire.admin.links import link_person, link_section
from wire.admin.lists import Days, NamedElsewhere, beginning, first_found
from wire.admin.sections import MAX_HISTORY, EventAdmin, QuestionFilter, ReadOnlyAdmin, ReadOnlyInline, show_events
from wire.events import Named, name_actor
from wire.mail.admin import MailAdmin
from wire.money import trim_price, write_amount
from wire.text import email, order_number, read_id

admin.site.register(Event, EventAdmin)
admin.site.register(Mail, MailAdmin)


class Waiting(QuestionFilter):
    """Orders that are not finished with products."""

    title = parameter_name = "waiting"
    questions = {
        "unsettled": ("Waits for products", OrderQuerySet.unsettled),
        "stuck": ("Stuck", OrderQuerySet.stuck),
        "owes": ("Products has yet to hear of it", OrderQuerySet.owing),
        "pending": ("Not held yet", lambda orders: orders.filter(status=Status.PENDING)),
    }


class OfCustomer(NamedElsewhere):
    """What one customer ordered, by the `sub` of their token."""

    title = parameter_name = "customer"

    def describe(self, named: str) -> str:
        order = Order.objects.placed_by(named).order_by("-created_at", "-id").first()
        return name_customer(order) if order else named

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.placed_by(self.value()) if self.value() else queryset


class OfProduct(NamedElsewhere):
    """The orders of one product, by its id."""

    title = parameter_name = "product"

    def describe(self, named: str) -> str:
        product = read_id(named)
        line = Line.objects.filter(product=product, name__isnull=False).first() if product else None
        return str(line.name) if line else named

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        product = read_id(self.value() or "")
        if not self.value():
            return queryset
        if product is None:
            raise IncorrectLookupParameters

        return queryset.filter(lines__product=product)


def name_customer(order: Order) -> str:
    """Who ordered, as they were called then."""
    return name_actor(Named(order.customer_id, name=order.customer_name, email=order.customer_email))


class LineInline(ReadOnlyInline):
    """What was ordered."""

    model = Line
    fields = readonly_fields = ("article", "sku", "quantity", "price_seen", "price", "amount")

    @admin.display(description="product")
    def article(self, line: Any) -> str:
        address = f"products/product/{line.product}/change/"
        return link_section(line.order.seen_by, address, line.name or line.seen_name or str(line.product))

    @admin.display(description="price seen")
    def price_seen(self, line: Line) -> str:
        return write_price(line.seen_price, line.order.currency)

    @admin.display(description="price")
    def price(self, line: Line) -> str:
        return write_price(line.unit_price, line.order.currency)

    @admin.display(description="total")
    def amount(self, line: Line) -> str:
        return write_price(line.total, line.order.currency)


def write_price(amount: Decimal | None, currency: str) -> str:
    """An amount with the digits of its currency; with two or more while the currency is not known."""
    if amount is None:
        return "-"

    return write_amount(amount, currency) if currency else trim_price(f"{amount:.3f}")


def make_action(name: str) -> Callable[..., HttpResponse]:
    """The action of the list that leads to the page on which it is confirmed."""

    @admin.action(description=f"{PAGES[name].several}…", permissions=["view"])
    def run(section: "OrderAdmin", request: HttpRequest, picked: Any) -> HttpResponse:
        ids = list(picked.values_list("pk", flat=True)[: actions.MOST + 1])
        if len(ids) > actions.MOST:
            raise ValidationError(f"At most {actions.MOST} orders at once, and nothing was done. Narrow the list.")

        return HttpResponseRedirect(actions.address(name, ids, request.GET.urlencode()))

    run.__name__ = name
    return run


@admin.action(description=PAGES["settle"].several, permissions=["view"])
def settle(section: "OrderAdmin", request: HttpRequest, picked: Any) -> None:
    """Do at once what the resolver would do in time."""
    actions.tell(request, ((number, actions.settle(pk)) for pk, number in picked.values_list("pk", "number")))


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    """Every order, with its lines and events. A change of status is an action, run outside any transaction."""

    list_display = ["number", "status", "customer_email", "amount", "created_at", "waits"]
    list_filter = ["status", Waiting, ("created_at", Days), ("placed_at", Days), OfCustomer, OfProduct]
    sortable_by = ["number", "created_at"]
    search_fields = ["number", "customer_email"]
    search_help_text = "A number, an id, or the beginning of an e-mail address; where none begins so, of a number."
    inlines = [LineInline]
    actions = [settle if name == "settle" else make_action(name) for name in PAGES]
    sections: ClassVar = {
        "": ["number", "status", "amount", "rejection_words"],
        "Customer": ["customer", *Order.GIVEN],
        "Payment and parcel": ["payment_reference", *Order.TOLD],
        "Record": ["id", "created_at", "placed_at"],
    }
    readonly_fields = [name for names in sections.values() for name in names]

    @admin.display(description="total")
    def amount(self, order: Order) -> str:
        total = sum_lines((line.unit_price, line.quantity) for line in order.lines.all())
        return "-" if total is None else f"{write_amount(total, order.currency)} {order.currency}"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("lines")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """The order that is named, or those whose e-mail address or else whose number begins so."""
        if not search_term:
            return queryset, False

        of_customer = beginning(queryset, "customer_email", email(search_term))
        numbered = beginning(queryset, "number", order_number(search_term))
        return first_found(queryset.named(search_term), of_customer, numbered), False

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """What there is to be said of an order."""
        kept = {"rejection_words": "rejection", **{name: name for name in ("payment_reference", *Order.TOLD)}}
        missing = {shown for shown, column in kept.items() if not getattr(obj, column, None)}
        sections = {label: [name for name in names if name not in missing] for label, names in self.sections.items()}
        return [(label or None, {"fields": names}) for label, names in sections.items() if names]

    @admin.display(description="customer")
    def customer(self, order: Any) -> str:
        """Who ordered, as they were called then, and all that they ordered."""
        listed = f"{reverse('admin:orders_order_changelist')}?{urlencode({'customer': order.customer_id})}"
        person = link_person(order.seen_by, order.customer_id, name_customer(order))
        return format_html('{} · <a href="{}">All orders</a>', person, listed)

    @admin.display(description="waits for products", empty_value="-")
    def waits(self, order: Order) -> str | None:
        """What products has yet to do for it, and why it does not."""
        return f"stuck: {order.stuck}" if order.stuck else ", ".join(describe_calls(order.outbox)) or None

    @admin.display(description="why it was refused", empty_value="-")
    def rejection_words(self, order: Order) -> str | None:
        names = {str(line.product): line.name or line.seen_name for line in order.lines.all()}
        return " ".join(explain_refusal(**order.rejection, names=names)) if order.rejection else None

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        """The order, why it waits, and what can be done with it."""
        order = self.get_object(request, unquote(object_id))
        if order is None or not self.has_view_permission(request, order):
            return super().change_view(request, object_id, form_url, extra_context)

        viewer, events = current_user(request), list(Event.objects.about(order)[:MAX_HISTORY])
        context = {
            "wait": explain_wait(order, events),
            "settle": actions.address("settle", [order.pk]),
            "buttons": actions.list_buttons(order, viewer),
            "events": show_events(viewer, events),
            "held": link_section(viewer, f"products/reservation/{order.pk}/change/", "What products holds for it"),
        }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **context})

    def get_urls(self) -> list[URLPattern]:
        return [*export.urls(), *actions.urls(), *super().get_urls()]
