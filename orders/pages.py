"""The pages of orders: one's own, placing one, and the life of one."""

import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from orders import idempotency, story, transitions
from orders.forms import OrderForm, PayForm
from orders.idempotency import KeyReused, Outcome, StillRunning
from orders.lifecycle import ACTIONS, scopes_of
from orders.models import Order
from orders.page_texts import STATES, name_actions, tell_event, tell_refusal
from orders.serializers import answer_with, name_customer, write_orders, write_whole
from tokens.pages import page
from tokens.user import TokenUser, current_user
from wire.page_links import write_query
from wire.problems import NotFound

PAGE_SIZE = 20


@page({"GET": "orders:read", "POST": "orders:write"})
def orders(request: HttpRequest) -> HttpResponse:
    """One's own orders; a POST places one."""
    return place(request) if request.method == "POST" else browse(request)


def browse(request: HttpRequest) -> HttpResponse:
    caller = current_user(request)
    found = story.browse(whose=caller.sub, cursor=request.GET.get("cursor"), limit=PAGE_SIZE)
    context = {
        "orders": write_orders(found.rows, caller=caller),
        "next": write_query(request, found.next),
        "previous": write_query(request, found.previous),
    }
    return render(request, "orders/orders.html", context)


# Placing ----------------------------------------------------------------------------------------


def place(request: HttpRequest) -> HttpResponse:
    """Order what a form says, once however often it is sent."""
    form = OrderForm(request.POST)
    if not form.is_valid():
        return show(request, form, status=400)

    try:
        outcome = send(current_user(request), form)
    except KeyReused as error:
        words = ["This form was used for another order before."]
        return ask_again(request, form, words=words, status=422, earlier=error.order_id)
    except StillRunning:
        messages.info(request, "Your order is being placed right now. Look again in a moment.")
        return HttpResponseRedirect("/orders/")
    return follow(request, form, outcome)


def send(caller: TokenUser, form: OrderForm) -> Outcome:
    customer = name_customer(caller)
    key, ship_to = form.cleaned_data["key"], form.cleaned_data["ship_to"]
    answer = answer_with(caller)
    return idempotency.place_once(customer, [form.read_line()], key=key, ship_to=ship_to, answer=answer)


def follow(request: HttpRequest, form: OrderForm, outcome: Outcome) -> HttpResponse:
    """On to the order; one that was refused is offered again as it could be had."""
    if outcome.status != 409:
        return HttpResponseRedirect(f"/orders/{outcome.order_id}/")

    words = tell_refusal(outcome.body["code"], outcome.body["lines"])
    changes = find_remedy(outcome.body["lines"])
    if not changes:
        return show(request, None, words=words, status=409)

    return ask_again(request, form, words=words, status=409, **changes)


def find_remedy(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """What would have to be ordered instead: at the price as it is now, or as many as there are."""
    fact = lines[0] if lines else {}
    could = {"price": fact.get("price"), "quantity": fact.get("available")}
    return {name: value for name, value in could.items() if value}


def ask_again(
    request: HttpRequest, form: OrderForm, *, words: list[str], status: int, earlier: Any = None, **changes: Any
) -> HttpResponse:
    """The form once more, with a new key and with what must change for it to succeed."""
    again = OrderForm(initial={**form.cleaned_data, **changes, "key": uuid.uuid4()})
    return show(request, again, words=words, earlier=earlier, status=status)


def show(request: HttpRequest, form: OrderForm | None, *, status: int, **context: Any) -> HttpResponse:
    name = request.POST.get("name", "")[:200]
    return render(request, "orders/order_failed.html", {"form": form, "name": name, **context}, status=status)


# One order --------------------------------------------------------------------------------------


@page({"GET": "orders:read orders:manage"})
def read(request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
    """An order: what it has, what happened, and what can be done now."""
    caller = current_user(request)
    found = Order.objects.visible_to(caller).filter(pk=order_id).first()
    if not found:
        raise NotFound

    order = write_whole(story.read(found), caller=caller)
    context = {
        "order": order,
        "is_own": found.customer_id == caller.sub,
        "events": [(tell_event(event["what"]), event["at"]) for event in order["events"]],
        "words": STATES.get(found.status, ""),
        "reasons": tell_refusal(**found.rejection) if found.rejection else [],
        "actions": name_actions(order["allowed_actions"]),
    }
    return render(request, "orders/order.html", context)


@page({"GET": "orders:read orders:manage", "POST": scopes_of(*ACTIONS)})
def change(request: HttpRequest, order_id: uuid.UUID, action: str) -> HttpResponse:
    """Take an action on an order; a GET, left over from a log-in in between, only shows the order."""
    if action not in ACTIONS:
        raise NotFound
    if request.method == "POST":
        move(request, order_id, action)
    return HttpResponseRedirect(f"/orders/{order_id}/")


def move(request: HttpRequest, order_id: uuid.UUID, action: str) -> None:
    """Take an action, and leave word of what came of it."""
    form = PayForm(request.POST)
    if action == "pay" and not form.is_valid():
        return messages.error(request, "Say what the payment is known by.")

    reference = form.cleaned_data["reference"] if action == "pay" else ""
    try:
        order = transitions.change(order_id, action, by=current_user(request), reference=reference)
    except transitions.NoSuchOrder as error:
        raise NotFound from error
    except transitions.NotAllowed as error:
        raise PermissionDenied from error
    except transitions.WrongStatus as error:
        return messages.warning(request, f"The order is {error.order.status} by now, so nothing was changed.")
    return messages.success(request, f"The order is {order.status}.")
