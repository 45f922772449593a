"""Orders as they come in, and what the API's document says of those that go out."""

import re
from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

from orders.checkout import MAX_LINES, MAX_QUANTITY, Customer, OrderRequest
from orders.inventory import RequestedLine
from orders.lifecycle import ACTIONS, Status
from tokens.user import TokenUser, current_user
from wire import text
from wire.api.examples import ALICE, SENCHA, TIME
from wire.api.problems import Problem, ProblemType
from wire.api.serializers import Amount, BoundedList, Id, PageLinks, StrictSerializer, Text, Whole, read
from wire.queries import Choice, PageQuery

# What comes in ----------------------------------------------------------------------------------

KEY = r'"(?:[ !#-\[\]-~]|\\["\\])+"|[A-Za-z0-9_.:~+/=-]+'
"""A string of RFC 8941, or what is commonly sent without the quotes."""
MAX_KEY = 255


def read_order_request(request: Request) -> OrderRequest:
    """The order that a request wants placed; raises `Problem`, or DRF's `ValidationError`."""
    key, body = read_idempotency_key(request.headers), read(NewOrder, request.data)
    lines = [RequestedLine(**line) for line in body.pop("lines")]
    return OrderRequest(read_customer(current_user(request)), lines, body, key)


def read_customer(user: TokenUser) -> Customer:
    return Customer(user.sub, user.name, user.email, user.client_id)


def read_idempotency_key(headers: Mapping[str, str]) -> str:
    """The key that a request came with, without its quotes; raises `Problem` if it has none, or not one."""
    header = headers.get("Idempotency-Key", "").strip()
    if not header:
        detail = "Send an Idempotency-Key: a new one per order, the same one per retry."
        raise Problem(ProblemType(400, "idempotency-key-missing", detail))
    if len(header) > MAX_KEY or not re.fullmatch(KEY, header):
        detail = f"An Idempotency-Key is a quoted string of at most {MAX_KEY} printable ASCII characters."
        raise Problem(ProblemType(400, "idempotency-key-malformed", detail))
    if not header.startswith('"'):
        return header

    return re.sub(r"\\(.)", r"\1", header[1:-1])


class NewOrderLine(StrictSerializer):
    """A product to order; `price` is what the buyer saw, and an order at another price is refused."""

    examples = {"product": SENCHA, "quantity": 2}
    product = Id()
    quantity = Whole(min_value=1, max_value=MAX_QUANTITY)
    price = Amount(required=False)


class NewOrder(StrictSerializer):
    """An order to place; a product that stands there twice is taken as one line."""

    examples = {"ship_to": "Alice Miller\n1 Main Street\nSpringfield"}
    lines = BoundedList(child=NewOrderLine(), min_length=1, max_length=MAX_LINES)
    ship_to = Text(normal_form=text.lines, required=False, allow_blank=True, max_length=1000, default="")


class OrderQuery(PageQuery):
    """The query of the list of orders."""

    status = Choice(Status.values, required=False, help_text="Only orders that stand there.")


class Payment(StrictSerializer):
    """How an order was paid."""

    examples = {"reference": "2026-000123"}
    reference = Text(max_length=200, help_text="What the payment is known by elsewhere.")


class Shipment(StrictSerializer):
    """What the customer is told of a parcel."""

    examples = {"tracking": "JD014600003SE", "note": "Sent in two parcels."}
    tracking = Text(required=False, allow_blank=True, max_length=200, help_text="By what the parcel can be followed.")
    note = Text(normal_form=text.lines, required=False, allow_blank=True, max_length=1000, help_text="A note to them.")


class Refund(StrictSerializer):
    """What was paid back for goods that came back."""

    examples = {"refund": "18.40 EUR, 2026-000456"}
    refund = Text(required=False, allow_blank=True, max_length=200, help_text="The amount, and its reference.")


# What goes out ----------------------------------------------------------------------------------


class OrderCustomer(serializers.Serializer[Any]):
    """Who ordered, as their token said it then."""

    examples = ALICE
    id = serializers.CharField(help_text="The `sub` of the token.")
    name = serializers.CharField()
    email = serializers.CharField()


class OrderLine(serializers.Serializer[Any]):
    """One product of an order; what products says of it is null until the order is placed."""

    examples = {
        "product": SENCHA,
        "sku": "TEA-004",
        "name": "Sencha",
        "quantity": 2,
        "unit_price": "9.20",
        "total": "18.40",
    }
    product = serializers.UUIDField()
    sku = serializers.CharField(allow_null=True)
    name = serializers.CharField(allow_null=True, help_text="Until then as its buyer saw it, if that is known.")
    quantity = serializers.IntegerField()
    unit_price = serializers.CharField(allow_null=True, help_text="An amount such as `4.50`.")
    total = serializers.CharField(allow_null=True)


class OrderEvent(serializers.Serializer[Any]):
    """Something that happened to an order."""

    examples = {"what": "placed", "by": "system"}
    what = serializers.CharField(help_text="The status it came to.")
    at = serializers.DateTimeField()
    by = serializers.CharField(help_text="A `sub`, or `system`.")
    facts = serializers.DictField()


class ListedOrder(serializers.Serializer[Any]):
    """An order in a list."""

    examples = {
        "number": "7KQ2M9XD",
        "status": "placed",
        "placed_at": TIME,
        "total": "18.40",
        "currency": "EUR",
        "ship_to": NewOrder.examples["ship_to"],
        "tracking": "",
        "note": "",
        "refund": "",
    }
    id = serializers.UUIDField()
    number = serializers.CharField(help_text="For people.")
    status = serializers.ChoiceField(Status.choices)
    customer = OrderCustomer()
    created_at = serializers.DateTimeField()
    placed_at = serializers.DateTimeField(allow_null=True)
    total = serializers.CharField(allow_null=True, help_text="An amount such as `4.50`.")
    currency = serializers.CharField(allow_null=True, help_text="ISO 4217.")
    ship_to = serializers.CharField()
    tracking = serializers.CharField(required=False, help_text="Where there is one: by what to follow the parcel.")
    note = serializers.CharField(required=False, help_text="Where there is one: a note of the shop to the customer.")
    refund = serializers.CharField(required=False, help_text="Where something was paid back: what.")
    lines = OrderLine(many=True)
    allowed_actions = serializers.ListField(
        child=serializers.ChoiceField(ACTIONS), help_text="What the caller may do with it now."
    )


class WholeOrder(ListedOrder):
    """An order with its events, oldest first."""

    events = OrderEvent(many=True)


class OrderList(PageLinks):
    """One page of orders, newest first, without their events."""

    results = ListedOrder(many=True)
