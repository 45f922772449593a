"""The pages of orders: one's own, placing one, and the life of one."""

import uuid
from decimal import Decimal

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from orders import basket, queries, transitions
from orders.basket import BasketItem
from orders.lifecycle import ACTIONS, Status, scopes_for
from orders.models import PAYMENT_TERM
from orders.page_texts import ACTION_LABELS, EVENTS, STATUS_NOTES, explain_refusal
from orders.pages.checkout import BASKET, submit_order, tell_changes, with_count
from orders.pages.forms import PayForm, SearchForm
from orders.presenters import present_order
from tokens.pages import page
from tokens.user import current_user
from wire.api.problems import NOT_FOUND, Problem
from wire.keyset import Row
from wire.page_links import write_query

PAGE_SIZE = 20


@page({"GET": "orders:read", "POST": "orders:write"}, query=["cursor", *SearchForm.base_fields])
def orders(request: HttpRequest) -> HttpResponse:
    """One's own orders; a POST places one."""
    return submit_order(request) if request.method == "POST" else list_orders(request)


def list_orders(request: HttpRequest) -> HttpResponse:
    caller, form = current_user(request), SearchForm(request.GET)
    form.is_valid()
    words, status = form.cleaned_data.get("q", ""), form.cleaned_data.get("status", "")
    found = queries.search_orders(
        customer_id=caller.sub, words=words, status=status, cursor=request.GET.get("cursor"), limit=PAGE_SIZE
    )
    context = {
        "form": form,
        "is_narrowed": bool(words or status),
        "zone": settings.TIME_ZONE,
        "orders": [present_order(row, caller=caller) for row in found.rows],
        "next": write_query(request, found.next),
        "previous": write_query(request, found.previous),
    }
    return render(request, "orders/orders.html", context, status=400 if form.errors else 200)


# One order --------------------------------------------------------------------------------------


@page({"GET": "orders:read orders:manage"})
def order(request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
    """An order: what it has, what happened, and what can be done now."""
    caller = current_user(request)
    found = queries.find_order(order_id, caller=caller)
    details = queries.get_details(found)
    shown = present_order(details.row(), caller=caller)
    is_own, is_unpaid = found.customer_id == caller.sub, found.status == Status.PLACED
    context = {
        "order": shown,
        "is_own": is_own,
        "may_order_again": is_own and caller.could("orders:write"),
        "pay_until": found.placed_at + PAYMENT_TERM if found.placed_at and is_unpaid else None,
        "payment_words": settings.PAYMENT_WORDS if is_unpaid else "",
        "tracking": found.tracking,
        "customer_note": found.note,
        "events": [(EVENTS.get(event["what"], event["what"]), event["at"]) for event in shown["events"]],
        "note": STATUS_NOTES.get(found.status, ""),
        "reasons": explain_refusal(**found.rejection, names=details.names) if found.rejection else [],
        "actions": [(action, ACTION_LABELS[action]) for action in shown["allowed_actions"]],
    }
    return render(request, "orders/order.html", context)


@page({"GET": "orders:read orders:manage"})
def print_order(request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
    """An order as it is printed: who sells, who buys, what and for how much."""
    caller = current_user(request)
    found = queries.find_order(order_id, caller=caller)
    shown = present_order(queries.get_details(found).row(), caller=caller)
    context = {"order": shown, "reference": found.payment_reference, "seller": settings.SELLER}
    return render(request, "orders/print.html", context)


@page({"GET": "orders:read", "POST": "orders:write"})
def order_again(request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
    """Put what an order of one's own has into the basket, as far as it is still sold; a GET only shows the order."""
    if request.method != "POST":
        return HttpResponseRedirect(f"/orders/{order_id}/")

    caller = current_user(request)
    details = queries.get_details(queries.find_order(order_id, caller=caller, scopes=()))
    before = basket.count_products(caller.sub)
    added = basket.put_back(caller.sub, [read_item(line, details.order.currency) for line in details.lines])
    tell_changes(request)
    count = basket.count_products(caller.sub)
    text = f"{count - before} of {len(details.lines)} products of order {details.order.number} went into your basket."
    messages.success(request, text if added else "All of it is in your basket already, or it is full.")
    return with_count(request, HttpResponseRedirect(BASKET), count)


def read_item(line: Row, currency: str) -> BasketItem:
    """A line of an order, to be ordered again at what it cost then."""
    price = line["unit_price"] if line["unit_price"] is not None else line["seen_price"]
    name = line["name"] or line["seen_name"]
    return BasketItem(line["product"], line["quantity"], name, price or Decimal(0), currency)


@page({"GET": "orders:read orders:manage", "POST": scopes_for(*ACTIONS)})
def order_action(request: HttpRequest, order_id: uuid.UUID, action: str) -> HttpResponse:
    """Take an action on an order; a GET asks whether to cancel it, or else only shows the order."""
    if action not in ACTIONS:
        raise Problem(NOT_FOUND)
    if request.method == "POST":
        take_action(request, order_id, action)
    elif action == "cancel":
        return confirm_cancelling(request, order_id)
    return HttpResponseRedirect(f"/orders/{order_id}/")


def confirm_cancelling(request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
    """What will happen, for who is to confirm it; the order itself where it cannot be cancelled any more."""
    caller = current_user(request)
    found = queries.find_order(order_id, caller=caller)
    shown = present_order(queries.get_details(found).row(), caller=caller)
    if "cancel" not in shown["allowed_actions"]:
        return HttpResponseRedirect(f"/orders/{order_id}/")

    return render(request, "orders/cancel.html", {"order": shown, "is_own": found.customer_id == caller.sub})


def take_action(request: HttpRequest, order_id: uuid.UUID, action: str) -> None:
    """Take an action, and leave a message of what came of it."""
    form = PayForm(request.POST)
    if action == "pay" and not form.is_valid():
        return messages.error(request, "Enter a payment reference.")

    reference = form.cleaned_data["reference"] if action == "pay" else ""
    try:
        changed = transitions.take_action(order_id, action, by=current_user(request), reference=reference)
    except transitions.WrongStatus as error:
        return messages.warning(request, f"The order is {error.order.status} now, so nothing was changed.")
    return messages.success(request, f"The order is {changed.status}.")
