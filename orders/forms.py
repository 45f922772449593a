"""What the page of a product sends to order it."""

from typing import Any

from django import forms

from orders.checkout import MAX_QUANTITY, OrderRequest
from orders.inventory import RequestedLine
from orders.models import Order
from orders.serializers import read_customer
from tokens.user import TokenUser
from wire.money import MAX_DIGITS, STORED_PLACES


class OrderForm(forms.Form):
    """One product, the price that was seen, and a key that is new with each rendering."""

    key = forms.CharField(max_length=64, widget=forms.HiddenInput)
    product = forms.UUIDField(widget=forms.HiddenInput)
    name = forms.CharField(required=False, max_length=200, widget=forms.HiddenInput)
    price = forms.DecimalField(
        min_value=0, max_digits=MAX_DIGITS, decimal_places=STORED_PLACES, widget=forms.HiddenInput
    )
    quantity = forms.IntegerField(min_value=1, max_value=MAX_QUANTITY, label="How many")
    ship_to = forms.CharField(
        required=False, max_length=1000, label="Ship to (optional)", widget=forms.Textarea(attrs={"rows": 3})
    )

    def read_request(self, caller: TokenUser) -> OrderRequest:
        """The order that a valid form wants placed."""
        data: dict[str, Any] = self.cleaned_data
        line = RequestedLine(data["product"], data["quantity"], data["price"])
        fields = {name: data[name] for name in Order.GIVEN if name in data}
        return OrderRequest(read_customer(caller), [line], fields, data["key"])


class PayForm(forms.Form):
    """What a payment is known by."""

    reference = forms.CharField(max_length=200)
