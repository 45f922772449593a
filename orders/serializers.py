"""Orders as they come in and go out."""

import re
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from rest_framework import serializers

from orders import story
from orders.checkout import MAX_LINES, MAX_QUANTITY, BadLines, Customer, merge
from orders.idempotency import Answer, Teller
from orders.inventory import RequestedLine
from orders.lifecycle import ACTIONS, Caller, Status, allowed_actions
from orders.story import FIELDS, Story
from tokens.user import TokenUser
from wire.events import write_event
from wire.keyset import Row
from wire.money import write_amount
from wire.problems import Problem, problem
from wire.serializers import Amount, Id, PageLinks, StrictSerializer, Text, Whole

# What comes in ----------------------------------------------------------------------------------

KEY = r'"(?:[ !#-\[\]-~]|\\["\\])+"|[A-Za-z0-9_.:~+/=-]+'
"""A string of RFC 8941, or what is commonly sent without the quotes."""
MAX_KEY = 255


class KeyMissing(Problem):
    """Placing an order takes an `Idempotency-Key`."""

    default_code = "idempotency-key-missing"
    default_detail = "Send an Idempotency-Key: a new one per order, the same one per retry."


class KeyMalformed(Problem):
    """The `Idempotency-Key` is no string."""

    default_code = "idempotency-key-malformed"
    default_detail = f"An Idempotency-Key is a quoted string of at most {MAX_KEY} printable ASCII characters."


def read_key(headers: Mapping[str, str]) -> str:
    """The key that a request came with, without its quotes; raises `KeyMissing` or `KeyMalformed`."""
    header = headers.get("Idempotency-Key", "").strip()
    if not header:
        raise KeyMissing
    if len(header) > MAX_KEY or not re.fullmatch(KEY, header):
        raise KeyMalformed
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

    lines = serializers.ListField(child=NewOrderLine(), min_length=1, max_length=MAX_LINES)
    ship_to = Text(required=False, allow_blank=True, max_length=1000, default="")

    def validate_lines(self, lines: list[dict[str, Any]]) -> list[RequestedLine]:
        try:
            return merge(RequestedLine(**line) for line in lines)
        except BadLines as error:
            raise serializers.ValidationError(str(error)) from error


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


def write_orders(rows: list[Row], *, caller: Caller) -> list[Row]:
    """The orders of a list, with their lines in one query."""
    lines = story.read_lines(row["id"] for row in rows)
    return [write_order(row, lines[row["id"]], caller=caller) for row in rows]


def write_order(row: Row, lines: Iterable[Row], *, caller: Caller) -> Row:
    """An order as a caller sees it, but for its events."""
    currency = row["currency"] or None
    return {
        "id": row["id"],
        "number": row["number"],
        "status": row["status"],
        "customer": {"id": row["customer_id"], "name": row["customer_name"], "email": row["customer_email"]},
        "created_at": row["created_at"],
        "placed_at": row["placed_at"],
        "total": write_amount(row["total"], currency) if currency else None,
        "currency": currency,
        "ship_to": row["ship_to"],
        "lines": [write_line(line, currency) for line in lines],
        "allowed_actions": allowed_actions(row["status"], customer_id=row["customer_id"], caller=caller),
    }


def write_line(line: Row, currency: str | None) -> Row:
    price = line["unit_price"]
    return {
        "product": line["product"],
        "sku": line["sku"],
        "name": line["name"],
        "quantity": line["quantity"],
        "unit_price": write_amount(price, currency) if currency else None,
        "total": write_amount(price * line["quantity"], currency) if currency else None,
    }


def write_whole(told: Story, *, caller: Caller) -> Row:
    """One order with its events."""
    row = {field: getattr(told.order, field) for field in FIELDS}
    return {**write_order(row, told.lines, caller=caller), "events": [write_event(event) for event in told.events]}


# What is said of an order that was asked for ----------------------------------------------------

REASONS = {
    "insufficient-stock": "There is not enough of some products: see lines.",
    "price-changed": "Some prices are not those that were seen: see lines.",
    "unknown-product": "Some products do not exist: see lines.",
    "retired-product": "Some products are not sold any more: see lines.",
    "mixed-currencies": "These products are sold in different currencies, and an order has one: see lines.",
    "not-reserved": "The products could not be held for the order in time.",
    "cancelled": "The order was cancelled before it was placed.",
}
"""Why an order was not placed, in words, by code."""


def name_customer(caller: TokenUser) -> Customer:
    """Whoever orders, as kept with the order."""
    return Customer(caller.sub, caller.name, caller.email, caller.client_id)


def answer_with(caller: Caller) -> Teller:
    """What to tell `caller` of an order that was asked for, for `idempotency.place_once`."""
    return partial(tell, caller=caller)


def tell(told: Story, *, caller: Caller) -> Answer:
    """201 for an order that was placed, 202 while it is pending, else 409 with the reason."""
    order = told.order
    if order.status == Status.PENDING:
        return Answer(202, write_whole(told, caller=caller))
    if order.placed_at:
        return Answer(201, write_whole(told, caller=caller))

    refusal = order.rejection or {"code": "cancelled", "lines": []}
    code = refusal["code"]
    return Answer(409, problem(409, code, REASONS[code], order=str(order.pk), lines=refusal["lines"]))
