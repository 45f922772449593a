"""What pages send: what goes into the basket, the order as it was reviewed, a payment."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError

from orders.basket import BasketItem
from orders.checkout import MAX_LINES, MAX_QUANTITY, OrderRequest
from orders.inventory import RequestedLine
from orders.lifecycle import Status
from orders.models import BasketLine, Order
from orders.serializers import read_customer
from tokens.user import TokenUser
from wire import text
from wire.money import CURRENCIES, MAX_DIGITS, STORED_PLACES
from wire.text_fields import FormText

LINE = re.compile(r"([0-9a-f-]{36}) ([0-9]{1,6}) ([0-9]{1,12}(?:\.[0-9]{1,3})?)")
"""A line of a reviewed order in its form: product, quantity and price."""


def currency_field(**options: Any) -> forms.ChoiceField:
    """The currency of what somebody saw; pages of the release before do not say it."""
    return forms.ChoiceField(required=False, choices=[(code, code) for code in ("", *sorted(CURRENCIES))], **options)


class PriceField(forms.DecimalField):
    """The price that somebody saw."""

    def __init__(self) -> None:
        super().__init__(min_value=0, max_digits=MAX_DIGITS, decimal_places=STORED_PLACES, widget=forms.HiddenInput)


class ItemForm(forms.Form):
    """A product as its page shows it, to be put into the basket."""

    product = forms.UUIDField()
    name = FormText(required=False, max_length=200)
    price = PriceField()
    currency = currency_field()
    quantity = forms.IntegerField(min_value=1, max_value=MAX_QUANTITY)

    def read_item(self) -> BasketItem:
        """The product that a valid form wants in the basket."""
        return BasketItem(**{name: self.cleaned_data[name] for name in BasketItem._fields})


class ReviewedLines(forms.Field):
    """The lines that were reviewed; each stands in a hidden field of its own."""

    widget = forms.MultipleHiddenInput

    def clean(self, value: Any) -> list[RequestedLine]:
        texts = value or []
        if not 1 <= len(texts) <= MAX_LINES:
            raise ValidationError(f"An order has 1 to {MAX_LINES} products.")

        return [read_line(text) for text in texts]


def read_line(line: str) -> RequestedLine:
    """A line as `write_line` wrote it; raises Django's `ValidationError`."""
    found = LINE.fullmatch(line)
    try:
        product = UUID(found[1] if found else "")
    except ValueError as error:
        raise ValidationError("This form is not as the shop made it.") from error
    if not found or not 1 <= int(found[2]) <= MAX_QUANTITY:
        raise ValidationError("This form is not as the shop made it.")

    return RequestedLine(product, int(found[2]), Decimal(found[3]))


def write_line(line: BasketLine) -> str:
    return f"{line.product} {line.quantity} {line.price:.3f}"


class OrderForm(forms.Form):
    """The order as it was reviewed, where it goes, and a key that is new with each rendering."""

    key = forms.CharField(max_length=64, widget=forms.HiddenInput)
    currency = currency_field(widget=forms.HiddenInput)
    lines = ReviewedLines()
    ship_to = FormText(
        normal_form=text.lines,
        max_length=1000,
        label="Ship to",
        help_text="Name, street, town and country.",
        error_messages={"required": "Say where it is to be sent."},
        widget=forms.Textarea(attrs={"rows": 4, "autocomplete": "shipping street-address"}),
    )

    def read_request(self, caller: TokenUser, names: Mapping[UUID, str]) -> OrderRequest:
        """The order that a valid form wants placed."""
        data: dict[str, Any] = self.cleaned_data
        fields = {name: data[name] for name in Order.GIVEN if name in data}
        return OrderRequest(read_customer(caller), data["lines"], fields, data["key"], names=names, is_basket=True)


class OneProductForm(ItemForm):
    """An order of one product at once, as pages of the release before send it."""

    key = forms.CharField(max_length=64)
    ship_to = FormText(normal_form=text.lines, required=False, max_length=1000)

    def read_request(self, caller: TokenUser) -> OrderRequest:
        """The order that a valid form wants placed."""
        data: dict[str, Any] = self.cleaned_data
        line = RequestedLine(data["product"], data["quantity"], data["price"])
        fields = {name: data[name] for name in Order.GIVEN if name in data}
        return OrderRequest(read_customer(caller), [line], fields, data["key"], names={data["product"]: data["name"]})


class SearchForm(forms.Form):
    """What one looks for among one's orders; what is left alone does not narrow."""

    q = FormText(
        required=False, max_length=100, label="Number or product", widget=forms.TextInput(attrs={"type": "search"})
    )
    status = forms.ChoiceField(required=False, choices=[("", "Any status"), *Status.choices])


class PayForm(forms.Form):
    """What a payment is known by."""

    reference = FormText(max_length=200)
