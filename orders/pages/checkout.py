"""The pages on the way to an order: the basket, its review, and placing it."""

import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from orders import basket, checkout, queries
from orders.basket import BasketChanged, BasketFull, BasketItem
from orders.checkout import MAX_QUANTITY, Outcome
from orders.idempotency import KeyReused, StillRunning
from orders.inventory import InventoryUnavailable
from orders.models import BasketLine
from orders.page_texts import NOT_SOLD, WHOLE, explain_line, explain_refusal
from orders.pages.forms import ItemForm, OneProductForm, OrderForm, write_line
from orders.quotas import TooManyOrders, TooManyUnpaid
from tokens.pages import page
from tokens.user import current_user
from wire.menu_counts import set_count
from wire.money import CURRENCIES, write_amount

BASKET = "/basket/"
REVIEW = "/basket/review/"

MAX_TOLD = 10
"""Changes that are told one by one, in a cookie."""

Notes = Sequence[tuple[str, str]]
"""What is to be said about lines: what the product is called, and a sentence."""


# The basket -------------------------------------------------------------------------------------


@page({"GET": "orders:write", "POST": "orders:write"})
def show_basket(request: HttpRequest) -> HttpResponse:
    """What is in the basket; a POST adds a product, or changes how many of each."""
    if request.method == "POST":
        return add_to_basket(request) if "product" in request.POST else change_basket(request)

    lines = basket.list_basket(current_user(request).sub)
    context = {"groups": group_lines(lines), "most": MAX_QUANTITY}
    return with_count(request, render(request, "orders/basket.html", context), len(lines))


class Group(NamedTuple):
    """The lines of a basket in one currency: what may be one order."""

    currency: str
    lines: list[dict[str, Any]]
    total: str


def group_lines(lines: Sequence[BasketLine]) -> list[Group]:
    """The lines of a basket by their currencies, in the order in which each was first added."""
    currencies = dict.fromkeys(line.currency for line in lines)
    return [show_group(currency, [line for line in lines if line.currency == currency]) for currency in currencies]


def show_group(currency: str, lines: Sequence[BasketLine]) -> Group:
    return Group(currency, [show_line(line) for line in lines], show_amount(basket.total_of(lines), currency))


def show_line(line: BasketLine) -> dict[str, Any]:
    return {
        "product": line.product,
        "name": line.name or "A product",
        "quantity": line.quantity,
        "price": show_amount(line.price, line.currency),
        "total": show_amount(line.total, line.currency),
    }


def show_amount(amount: Decimal, currency: str) -> str:
    """An amount for people; of a basket that came from a page of the release before, without its currency."""
    return f"{write_amount(amount, currency)} {currency}" if currency in CURRENCIES else f"{amount:.2f}"


def add_to_basket(request: HttpRequest) -> HttpResponse:
    """Put a product into the basket, and go on where it was chosen, or to the basket."""
    form, caller = ItemForm(request.POST), current_user(request)
    if not form.is_valid():
        messages.error(request, f"How many? A basket takes 1 to {MAX_QUANTITY:,} of a product.")
        return HttpResponseRedirect(BASKET)

    item = form.read_item()
    try:
        quantity = basket.add_item(caller.sub, item)
    except BasketFull as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"In your basket: {item.name or 'a product'} ({quantity}).")
    return with_count(request, HttpResponseRedirect(BASKET), basket.count_products(caller.sub))


def change_basket(request: HttpRequest) -> HttpResponse:
    """Take over the quantities of the form, or take one product out; then on to where its button leads."""
    caller = current_user(request)
    removed = read_product(request.POST.get("remove", ""))
    quantities = read_quantities(request.POST) | ({removed: 0} if removed else {})
    if any(quantity is None for quantity in quantities.values()):
        messages.error(request, f"A quantity is a whole number up to {MAX_QUANTITY:,}. What was none was not changed.")
    known = {product: quantity for product, quantity in quantities.items() if quantity is not None}
    basket.change_quantities(caller.sub, known)
    goes_on = "review" in request.POST and len(known) == len(quantities)
    if goes_on:
        tell_changes(request)
    target = f"{REVIEW}?currency={request.POST['review'][:3]}" if goes_on else BASKET
    return with_count(request, HttpResponseRedirect(target), basket.count_products(caller.sub))


def tell_changes(request: HttpRequest) -> None:
    """Have the basket follow what products has now, as far as it can be asked, and leave a message of each change."""
    sub = current_user(request).sub
    lines = basket.list_basket(sub)
    try:
        changes = basket.follow_offers(sub, lines) if lines else []
    except InventoryUnavailable:
        # It is said when the order is placed.
        return
    for change in changes[:MAX_TOLD]:
        messages.warning(request, f"{change.name or 'A product'}: {explain_line(change.code, change.facts)}")
    if len(changes) > MAX_TOLD:
        messages.warning(request, f"{len(changes) - MAX_TOLD} more have changed: look at the basket.")


def read_quantities(form: Mapping[str, str]) -> dict[uuid.UUID, int | None]:
    """The quantities of a form by product, its fields named after them; None for what is no quantity."""
    fields = [(read_product(name), text.strip()) for name, text in form.items()][: 2 * settings.ORDER_LINES]
    return {product: read_quantity(text) for product, text in fields if product}


def read_product(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text) if len(text) == 36 else None
    except ValueError:
        return None


def read_quantity(text: str) -> int | None:
    is_number = text.isascii() and text.isdigit() and len(text) <= 6
    return int(text) if is_number and int(text) <= MAX_QUANTITY else None


def with_count(request: HttpRequest, response: HttpResponse, count: int) -> HttpResponse:
    """Have the menu of every page say how many products are in the basket."""
    return set_count(response, "basket", count, sub=current_user(request).sub)


# The review -------------------------------------------------------------------------------------


@page({"GET": "orders:write"}, query=["currency"])
def show_review(request: HttpRequest) -> HttpResponse:
    """The basket once more, with the address it goes to, to be placed."""
    if not basket.list_basket(current_user(request).sub):
        return HttpResponseRedirect(BASKET)

    return review(request, address=queries.last_address(current_user(request).sub))


def review(
    request: HttpRequest,
    *,
    address: str = "",
    notes: Notes = (),
    status: int = 200,
    **context: Any,
) -> HttpResponse:
    """The review of what is in the basket now, under a new key."""
    lines = basket.list_basket(current_user(request).sub)
    currency = choose_currency(request, lines)
    chosen = [line for line in lines if line.currency == currency]
    fresh = {"key": uuid.uuid4(), "currency": currency, "lines": [write_line(line) for line in chosen]}
    context |= {
        "form": OrderForm(initial={**fresh, "ship_to": address}),
        "group": show_group(currency, chosen) if chosen else None,
        "others": len(lines) - len(chosen),
        "notes": notes,
        "is_refused": status >= 400,
        "payment_words": settings.PAYMENT_WORDS,
    }
    return with_count(request, render(request, "orders/review.html", context, status=status), len(lines))


def choose_currency(request: HttpRequest, lines: Sequence[BasketLine]) -> str:
    """The currency of the order to be: the one that was chosen, where something has it, or that of the first line."""
    currencies = [line.currency for line in lines]
    asked = (request.GET.get("currency") or request.POST.get("currency", ""))[:3]
    return asked if asked in currencies or not currencies else currencies[0]


# Placing ----------------------------------------------------------------------------------------


def submit_order(request: HttpRequest) -> HttpResponse:
    """Place what was reviewed, once however often it is sent."""
    if "product" in request.POST:
        return submit_one_product(request)

    caller, form = current_user(request), OrderForm(request.POST)
    if not form.is_valid():
        notes = [("", str(text)) for name in ("key", "lines") for text in form.errors.get(name, [])]
        errors = list(form.errors.get("ship_to", ()))
        return review(request, address=typed_address(request), notes=notes, address_errors=errors, status=400)

    return place(request, form.read_request(caller, basket.names_of(caller.sub)), form.cleaned_data["currency"])


def typed_address(request: HttpRequest) -> str:
    """The address as it was sent, to be put right; no longer than a form is."""
    return request.POST.get("ship_to", "")[:10_000]


def submit_one_product(request: HttpRequest) -> HttpResponse:
    """Place an order of one product, as a page of the release before sends it."""
    form = OneProductForm(request.POST)
    if not form.is_valid():
        notes = [(str(form[name].label), str(text)) for name, texts in form.errors.items() for text in texts]
        return review(request, address=typed_address(request), notes=notes, status=400)

    return place(request, form.read_request(current_user(request)), form.cleaned_data["currency"])


def place(request: HttpRequest, wanted: checkout.OrderRequest, currency: str) -> HttpResponse:
    """Place an order and lead to it; where it cannot be, the review says why and is a way on."""
    try:
        outcome = checkout.place_order(wanted)
    except StillRunning:
        messages.info(request, "Your order is being placed right now. Refresh the page in a moment.")
        return HttpResponseRedirect("/orders/")
    except tuple(REFUSED) as error:
        return explain_refused(request, wanted, currency, error)
    return show_outcome(request, wanted, outcome, currency)


REFUSED: dict[type[Exception], tuple[int, str]] = {
    TooManyUnpaid: (409, ""),
    TooManyOrders: (429, ""),
    BasketChanged: (409, "Your basket was changed or ordered in another window. This is what is in it now."),
    KeyReused: (422, "This form was already used for another order."),
}
"""Why nothing was begun: the status of the page, and what it says where the error does not say it for people."""


def explain_refused(
    request: HttpRequest, wanted: checkout.OrderRequest, currency: str, error: Exception
) -> HttpResponse:
    """The review again, with why no order was begun; what was to be ordered is in the basket."""
    status, words = REFUSED[type(error)]
    if not wanted.is_basket:
        names = [wanted.names.get(line.product, "") for line in wanted.lines]
        items = [
            BasketItem(*line[:2], name, line.price or Decimal(0), currency)
            for line, name in zip(wanted.lines, names, strict=True)
        ]
        basket.put_back(wanted.customer.sub, items)
    earlier = getattr(error, "order", None)
    return review(
        request, address=wanted.fields["ship_to"], notes=[("", words or str(error))], status=status, earlier=earlier
    )


def show_outcome(request: HttpRequest, wanted: checkout.OrderRequest, outcome: Outcome, currency: str) -> HttpResponse:
    """On to the order; one that was refused is offered again as it could be had."""
    caller, order = current_user(request), outcome.details.order
    if not outcome.details.refusal:
        if not outcome.is_replayed:
            messages.success(request, "Thank you for your order.")
        return with_count(request, HttpResponseRedirect(f"/orders/{order.pk}/"), basket.count_products(caller.sub))

    items, notes = find_remedy(outcome, currency)
    basket.put_back(caller.sub, items)
    # An order is refused for one reason: what else has changed is said now, and not by the next refusal.
    tell_changes(request)
    return review(request, address=wanted.fields["ship_to"], notes=notes, status=409)


def find_remedy(outcome: Outcome, currency: str) -> tuple[list[BasketItem], Notes]:
    """What could be ordered instead of a refused order, at the prices and as many as there are; and what was in the
    way, by line."""
    refusal: Any = outcome.details.refusal
    facts = {str(fact["product"]): fact for fact in refusal["lines"]}
    lines = [(line, facts.get(str(line["product"]), {})) for line in outcome.details.lines]
    items = [mend_line(line, fact, refusal["code"], currency) for line, fact in lines]
    by_line = [
        (line["seen_name"] or "A product", explain_mended(refusal["code"], fact, item))
        for (line, fact), item in zip(lines, items, strict=True)
        if fact and refusal["code"] not in WHOLE
    ]
    whole = [("", text) for text in explain_refusal(**refusal, names={})] if refusal["code"] in WHOLE else []
    return [item for item in items if item], [*whole, *by_line]


def mend_line(line: Mapping[str, Any], fact: Mapping[str, Any], code: str, currency: str) -> BasketItem | None:
    """A line as it could be had now; None if it cannot."""
    left = fact.get("available", line["quantity"])
    if not left or (fact and code in NOT_SOLD):
        return None

    price = Decimal(fact.get("price", line["seen_price"] or 0))
    quantity = min(left, line["quantity"])
    return BasketItem(line["product"], quantity, line["seen_name"], price, fact.get("currency", currency))


def explain_mended(code: str, fact: Mapping[str, Any], item: BasketItem | None) -> str:
    """What was in the way of a line, and what became of it in the basket."""
    after = "It is out of your basket." if item is None else "Your basket has that now."
    return f"{explain_line(code, fact)} {after}"
