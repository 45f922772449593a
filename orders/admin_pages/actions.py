"""The page of the admin on which staff say what is to be done with orders, see what will happen, and confirm it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode

from orders import outbox, transitions
from orders.lifecycle import ACTIONS, FACTS, find_transition
from orders.models import Order
from orders.order_details import sum_lines
from orders.resuming import attempt
from tokens.user import TokenUser, current_user
from wire import text
from wire.admin.pages import section_page
from wire.api.problems import NOT_FOUND, Problem
from wire.money import write_amount
from wire.text import read_id
from wire.text_fields import FormText

MOST = 50
"""Orders that one page takes."""
MAX_BACK = 2_000
"""Characters of the query that leads back to a list."""
Result = tuple[str, int]
"""What came of an action on one order, as a message says it, and the level of the message."""


class StaffAction(NamedTuple):
    """Something that staff do with orders."""

    label: str
    """On the button of one order."""
    several: str
    """In the list of orders."""
    what: str
    """What will happen, for who is to confirm it."""
    done: str
    is_grave: bool = False


PAGES: dict[str, StaffAction] = {
    "pay": StaffAction(
        "Mark as paid",
        "Mark as paid",
        "The order waits to be shipped from then on. By its reference the payment is found elsewhere; customers do not "
        "see it.",
        "Paid",
    ),
    "ship": StaffAction(
        "Mark as shipped",
        "Mark as shipped",
        "The goods leave the stock. The customer sees that they are on their way, with the tracking text and the note. "
        "This cannot be undone: what comes back is marked as delivered, and then as returned.",
        "Shipped",
    ),
    "deliver": StaffAction(
        "Mark as delivered",
        "Mark as delivered",
        "The customer sees that the goods have arrived. From then on they can be marked as returned.",
        "Delivered",
    ),
    "return": StaffAction(
        "Mark as returned",
        "Mark as returned",
        "The goods go back into the stock, and can be sold again. No money moves: pay back elsewhere, and note here "
        "what was paid back. The customer sees it.",
        "Returned",
    ),
    "settle": StaffAction(
        "Settle now", "Settle now", "Products is asked at once for what the order waits for.", "Settled"
    ),
    "write_off": StaffAction(
        "Write off",
        "Write off what stuck orders owe products",
        "Products is not asked any more for what the order owes it. Put the goods right by hand first, as by a stock "
        "correction, and say here what was done.",
        "Written off",
        is_grave=True,
    ),
    "cancel": StaffAction(
        "Cancel",
        "Cancel",
        "The order ends, and its goods are for sale again. The customer sees that it was cancelled. What was paid is "
        "not paid back by itself. This cannot be undone.",
        "Cancelled",
        is_grave=True,
    ),
}


LINE = forms.TextInput(attrs={"class": "vTextField"})
LINES = forms.Textarea(attrs={"class": "vLargeTextField", "rows": 4})
SAID: dict[str, dict[str, Any]] = {
    "reference": {"label": "Payment reference"},
    "why": {"label": "What was done about the goods"},
    "tracking": {
        "label": "Tracking",
        "required": False,
        "help_text": "Such as the parcel's number, or an address to follow it.",
    },
    "refund": {"label": "Paid back", "required": False, "help_text": "The amount, and its reference."},
    "note": {
        "label": "Note to the customer",
        "required": False,
        "normal_form": text.lines,
        "max_length": 1000,
        "widget": LINES,
    },
}
"""The field of each thing that may be said with an action."""


SHARED = ("note", "why")
"""What is said once for all orders of a page; anything else is said for each."""
FIELDS = {**{action: tuple(FACTS.get(action, ())) for action in ACTIONS}, "settle": (), "write_off": ("why",)}


class Row(NamedTuple):
    """An order of the page, with its own fields."""

    order: Order
    amount: str
    form: forms.Form


def urls() -> list[URLPattern]:
    """The addresses below the list of orders."""
    page = section_page("orders", act, query=["id", "back"], repeated=["id"])
    return [path("act/<slug:action>/", page, name="orders_order_act")]


def address(action: str, ids: Iterable[UUID], back: str = "") -> str:
    """Where an action on some orders is confirmed; `back` is the query of the list that was come from."""
    query = {"id": [str(pk) for pk in ids], **({"back": back} if back else {})}
    return f"{reverse('admin:orders_order_act', args=[action])}?{urlencode(query, doseq=True)}"


def list_buttons(order: Order, by: TokenUser) -> list[tuple[str, StaffAction]]:
    """What somebody may do with an order as it is: the address of each, and what it is."""
    found = {action: page for action, page in PAGES.items() if is_possible(action, order, by)}
    return [(address(action, [order.pk]), page) for action, page in found.items()]


def is_possible(action: str, order: Order, by: TokenUser) -> bool:
    """Whether an action can be taken on an order as it was read."""
    if action == "settle":
        return bool(order.outbox or order.is_waiting)
    if action == "write_off":
        return bool(order.stuck and order.outbox)

    return find_transition(order.status, action, transitions.rights_on(order, by)) is not None


# The page ---------------------------------------------------------------------------------------


def act(request: HttpRequest, action: str) -> HttpResponse:
    """What will happen to which orders, with what can be said; a POST does it. Outside any transaction."""
    if action not in PAGES:
        raise Problem(NOT_FOUND)

    data = request.POST if request.method == "POST" else None
    orders = find_orders(request.GET.getlist("id"))
    possible = [order for order in orders if is_possible(action, order, current_user(request))]
    rows = [build_row(order, action, data) for order in possible]
    shared = build_form([name for name in FIELDS[action] if name in SHARED], "all", data)
    if data is None or not all(form.is_valid() for form in (shared, *(row.form for row in rows))):
        left_out = [order for order in orders if order not in possible]
        return show(request, action, {"rows": rows, "shared": shared, "left_out": left_out})

    return take(request, action, orders, {row.order.pk: said(shared, row.form) for row in rows})


def find_orders(ids: list[str]) -> list[Order]:
    """The orders that are named, oldest first."""
    found = [pk for written in ids[:MOST] if (pk := read_id(written))]
    return list(Order.objects.filter(pk__in=found).prefetch_related("lines").order_by("created_at", "id"))


def build_row(order: Order, action: str, data: Any) -> Row:
    total = sum_lines((line.unit_price, line.quantity) for line in order.lines.all())
    amount = f"{write_amount(total, order.currency)} {order.currency}" if total is not None and order.currency else ""
    own = [name for name in FIELDS[action] if name not in SHARED]
    return Row(order, amount, build_form(own, str(order.pk), data))


def build_form(names: Iterable[str], prefix: str, data: Any) -> forms.Form:
    form = forms.Form(data, prefix=prefix)
    for name in names:
        form.fields[name] = FormText(**{"max_length": 200, "widget": LINE, **SAID[name]})
    return form


def said(*given: forms.Form) -> dict[str, str]:
    return {name: value for form in given for name, value in form.cleaned_data.items() if value}


def show(request: HttpRequest, action: str, context: Mapping[str, Any]) -> HttpResponse:
    page = PAGES[action]
    shared = {**admin.site.each_context(request), "opts": Order._meta, "title": page.label, "page": page}
    back = list_address(request.GET.get("back", ""))
    return TemplateResponse(request, "admin/orders/order/act.html", {**shared, "back": back, **context})


def list_address(query: str) -> str:
    """The list of orders, narrowed as it was."""
    listed = reverse("admin:orders_order_changelist")
    return f"{listed}?{query}" if query and len(query) <= MAX_BACK else listed


# Doing it ---------------------------------------------------------------------------------------


def take(request: HttpRequest, action: str, orders: list[Order], facts: Mapping[UUID, dict[str, str]]) -> HttpResponse:
    """Do what was confirmed with each order, say what came of each, and go back to where they are."""
    by, page = current_user(request), PAGES[action]

    def run(order: Order) -> Result:
        if order.pk in facts:
            return try_action(order.pk, action, by=by, facts=facts[order.pk])
        return refuse(action, order)

    tell(request, ((order.number, run(order)) for order in orders))
    if not orders:
        messages.warning(request, f"{page.label}: no order was chosen, and nothing was done.")
    if unheard := [order.number for order in Order.objects.owing().filter(pk__in=facts, stuck="")]:
        waits = "Products did not answer yet, and is asked again by itself, for"
        tell(request, ((number, (waits, messages.WARNING)) for number in unheard))
    if len(orders) == 1:
        return HttpResponseRedirect(reverse("admin:orders_order_change", args=[orders[0].pk]))

    return HttpResponseRedirect(list_address(request.GET.get("back", "")))


def try_action(order_id: UUID, action: str, *, by: TokenUser, facts: Mapping[str, Any]) -> Result:
    """Take an action on one order; what came of it."""
    if action == "settle":
        return settle(order_id)
    if action == "write_off":
        return write_off(order_id, by=by, why=facts["why"])

    try:
        transitions.take_action(order_id, action, by=by, **facts)
    except transitions.WrongStatus as error:
        return refuse(action, error.order)
    return PAGES[action].done, messages.SUCCESS


def refuse(action: str, order: Order) -> Result:
    """That nothing was done with an order, and why."""
    why = {"settle": "products has heard all of it", "write_off": "it is not stuck, or owes nothing"}
    return f"Nothing was done, since {why.get(action, f'it is {order.status} now')}, with", messages.WARNING


SETTLED = {
    "settled": ("Settled", messages.SUCCESS),
    "left": ("Products still does not answer, so nothing changed for", messages.WARNING),
    "stuck": ("Still stuck, since products contradicts it", messages.ERROR),
}


def settle(order_id: UUID) -> Result:
    """Do at once what the resolver would do in time."""
    order = Order.objects.unsettled().filter(pk=order_id).first()
    return SETTLED[attempt(order_id)] if order else refuse("settle", Order(pk=order_id))


def write_off(order_id: UUID, *, by: TokenUser, why: str) -> Result:
    """The way out of an order that owes what cannot be, once a person has put the goods right by hand."""
    if not outbox.write_off(order_id, why=why, by=by):
        return refuse("write_off", Order(pk=order_id))

    return PAGES["write_off"].done, messages.SUCCESS


def tell(request: HttpRequest, results: Iterable[tuple[str, Result]]) -> None:
    """Name the orders by what came of each."""
    numbers = defaultdict(list)
    for number, result in results:
        numbers[result].append(number)
    for (words, level), named in numbers.items():
        # Not so many that a cookie could not hold it.
        more = f" and {len(named) - 20} more" if len(named) > 20 else ""
        messages.add_message(request, level, f"{words}: {', '.join(named[:20])}{more}.")
