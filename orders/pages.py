"""The pages of orders: one's own, placing one, and the life of one."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from orders import checkout, queries, transitions
from orders.checkout import Outcome
from orders.forms import OrderForm, PayForm
from orders.idempotency import KeyReused, StillRunning
from orders.lifecycle import ACTIONS, scopes_for
from orders.page_texts import ACTION_LABELS, EVENTS, STATUS_NOTES, explain_refusal
from orders.presenters import present_order
from orders.unpaid import TooManyUnpaid
from tokens.pages import page
from tokens.user import current_user
from wire.page_links import write_query
from wire.problems import NOT_FOUND, Problem

PAGE_SIZE = 20


@page({"GET": "orders:read", "POST": "orders:write"})
def orders(request: HttpRequest) -> HttpResponse:
    """One's own orders; a POST places one."""
    return submit_order(request) if request.method == "POST" else list_orders(request)


def list_orders(request: HttpRequest) -> HttpResponse:
    caller = current_user(request)
    found = queries.list_orders(customer_id=caller.sub, cursor=request.GET.get("cursor"), limit=PAGE_SIZE)
    context = {
        "orders": [present_order(row, caller=caller) for row in found.rows],
        "next": write_query(request, found.next),
        "previous": write_query(request, found.previous),
    }
    return render(request, "orders/orders.html", context)


# Placing ----------------------------------------------------------------------------------------


def submit_order(request: HttpRequest) -> HttpResponse:
    """Order what a form says, once however often it is sent."""
    form = OrderForm(request.POST)
    if not form.is_valid():
        return show_form(request, form, status=400)

    try:
        outcome = checkout.place_order(form.read_request(current_user(request)))
    except TooManyUnpaid as error:
        return offer_form(request, form, reasons=[str(error)], status=409)
    except KeyReused as error:
        reasons = ["This form was already used for another order."]
        return offer_form(request, form, reasons=reasons, status=422, earlier=error.order)
    except StillRunning:
        messages.info(request, "Your order is being placed right now. Refresh the page in a moment.")
        return HttpResponseRedirect("/orders/")
    return show_outcome(request, form, outcome)


def show_outcome(request: HttpRequest, form: OrderForm, outcome: Outcome) -> HttpResponse:
    """On to the order; one that was refused is offered again as it could be had."""
    refusal = outcome.details.refusal
    if not refusal:
        return HttpResponseRedirect(f"/orders/{outcome.details.order.pk}/")

    reasons, changes = explain_refusal(**refusal), find_remedy(refusal["lines"])
    if not changes:
        return show_form(request, None, reasons=reasons, status=409)

    return offer_form(request, form, reasons=reasons, status=409, **changes)


def find_remedy(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """What would have to be ordered instead: at the price as it is now, or as many as there are."""
    fact = lines[0] if lines else {}
    could = {"price": fact.get("price"), "quantity": fact.get("available")}
    return {name: value for name, value in could.items() if value}


def offer_form(
    request: HttpRequest, form: OrderForm, *, reasons: list[str], status: int, earlier: Any = None, **changes: Any
) -> HttpResponse:
    """The form once more, with a new key and with what must change for it to succeed."""
    again = OrderForm(initial={**form.cleaned_data, **changes, "key": uuid.uuid4()})
    return show_form(request, again, reasons=reasons, earlier=earlier, status=status)


def show_form(request: HttpRequest, form: OrderForm | None, *, status: int, **context: Any) -> HttpResponse:
    name = request.POST.get("name", "")[:200]
    return render(request, "orders/order_failed.html", {"form": form, "name": name, **context}, status=status)


# One order --------------------------------------------------------------------------------------


@page({"GET": "orders:read orders:manage"})
def order(request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
    """An order: what it has, what happened, and what can be done now."""
    caller = current_user(request)
    found = queries.find_order(order_id, caller=caller)
    shown = present_order(queries.get_details(found).row(), caller=caller)
    context = {
        "order": shown,
        "is_own": found.customer_id == caller.sub,
        "events": [(EVENTS.get(event["what"], event["what"]), event["at"]) for event in shown["events"]],
        "note": STATUS_NOTES.get(found.status, ""),
        "reasons": explain_refusal(**found.rejection) if found.rejection else [],
        "actions": [(action, ACTION_LABELS[action]) for action in shown["allowed_actions"]],
    }
    return render(request, "orders/order.html", context)


@page({"GET": "orders:read orders:manage", "POST": scopes_for(*ACTIONS)})
def order_action(request: HttpRequest, order_id: uuid.UUID, action: str) -> HttpResponse:
    """Take an action on an order; a GET, left over from a log-in in between, only shows the order."""
    if action not in ACTIONS:
        raise Problem(NOT_FOUND)
    if request.method == "POST":
        take_action(request, order_id, action)
    return HttpResponseRedirect(f"/orders/{order_id}/")


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
