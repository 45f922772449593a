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
from wire.problems import Problem, ProblemType
from wire.serializers import Amount, BoundedList, Id, PageLinks, StrictSerializer, Text, Whole, read

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

    product = Id()
    quantity = Whole(min_value=1, max_value=MAX_QUANTITY)
    price = Amount(required=False)


class NewOrder(StrictSerializer):
    """An order to place; a product that stands there twice is taken as one line."""

    lines = BoundedList(child=NewOrderLine(), min_length=1, max_length=MAX_LINES)
    ship_to = Text(required=False, allow_blank=True, max_length=1000, default="")


class Payment(StrictSerializer):
    """How an order was paid."""

    reference = Text(max_length=200, help_text="What the payment is known by elsewhere.")


# What goes out ----------------------------------------------------------------------------------


class OrderCustomer(serializers.Serializer[Any]):
    """Who ordered, as their token said it then."""

    id = serializers.CharField(help_text="The `sub` of the token.")
    name = serializers.CharField()
    email = serializers.CharField()


class OrderLine(serializers.Serializer[Any]):
    """One product of an order; what products says of it is null until the order is placed."""

    product = serializers.UUIDField()
    sku = serializers.CharField(allow_null=True)
    name = serializers.CharField(allow_null=True)
    quantity = serializers.IntegerField()
    unit_price = serializers.CharField(allow_null=True, help_text="An amount such as `4.50`.")
    total = serializers.CharField(allow_null=True)


class OrderEvent(serializers.Serializer[Any]):
    """Something that happened to an order."""

    what = serializers.CharField(help_text="The status it came to.")
    at = serializers.DateTimeField()
    by = serializers.CharField(help_text="A `sub`, or `system`.")
    facts = serializers.DictField()


class ListedOrder(serializers.Serializer[Any]):
    """An order in a list."""

    id = serializers.UUIDField()
    number = serializers.CharField(help_text="For people.")
    status = serializers.ChoiceField(Status.choices)
    customer = OrderCustomer()
    created_at = serializers.DateTimeField()
    placed_at = serializers.DateTimeField(allow_null=True)
    total = serializers.CharField(allow_null=True, help_text="An amount such as `4.50`.")
    currency = serializers.CharField(allow_null=True, help_text="ISO 4217.")
    ship_to = serializers.CharField()
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
