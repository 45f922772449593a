"""What one may look for on the page of products."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from products.catalogue import MAX_SEARCH, Search
from wire.money import MAX_DIGITS, STORED_PLACES

ORDERING_LABELS = {
    "": "Best match",
    "name": "Name, A to Z",
    "-name": "Name, Z to A",
    "price": "Price, low to high",
    "-price": "Price, high to low",
    "-created": "Newest first",
    "created": "Oldest first",
}


class PriceField(forms.DecimalField):
    """A bound on the price, if there is to be one."""

    def __init__(self, label: str) -> None:
        super().__init__(required=False, min_value=0, max_digits=MAX_DIGITS, decimal_places=STORED_PLACES, label=label)


class SearchForm(forms.Form):
    """Words and filters; what is left alone does not narrow."""

    # What the API takes in its query, under the same names.
    q = forms.CharField(
        required=False, max_length=MAX_SEARCH, label="Search", widget=forms.TextInput(attrs={"type": "search"})
    )
    category = forms.ChoiceField(required=False)
    ordering = forms.ChoiceField(required=False, label="Sort", choices=ORDERING_LABELS)
    price_min = PriceField("Price from")
    price_max = PriceField("Price to")
    currency = forms.ChoiceField(required=False, label="Prices in")
    in_stock = forms.BooleanField(required=False, label="In stock only")

    def __init__(self, data: Any, *, categories: list[str], currencies: list[str]) -> None:
        super().__init__(data)
        self.currencies = currencies
        self.set_choices("category", categories)
        self.set_choices("currency", currencies)
        if len(currencies) < 2:
            self.fields["currency"].widget = forms.HiddenInput()
            self.fields["price_min"].label, self.fields["price_max"].label = (
                " ".join([label, *currencies]) for label in ("Price from", "Price to")
            )

    def set_choices(self, name: str, choices: list[str]) -> None:
        self.fields[name].choices = [("", "All"), *((choice, choice) for choice in choices)]  # type: ignore[attr-defined]

    def clean_in_stock(self) -> bool:
        """A checkbox says `on`; an address may say it as the API has it. Anything else is a typing error."""
        given = self.data.get("in_stock", "false")
        if given not in ("on", "true", "false"):
            raise ValidationError("It is true or false.")

        return given != "false"

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        is_bounded = given.get("price_min") is not None or given.get("price_max") is not None
        if is_bounded and not self.data.get("currency") and len(self.currencies) > 1:
            self.add_error("currency", "Say which currency the price is in.")
            given.update(price_min=None, price_max=None)
        return given

    @property
    def is_filtered(self) -> bool:
        """Whether anything but words and order is asked for, so that it is shown."""
        return any(self.data.get(name) for name in self.fields if name not in ("q", "ordering")) or bool(self.errors)

    def to_search(self) -> Search:
        """What was filled in rightly."""
        given = {
            name: value for name, value in self.cleaned_data.items() if value is not False and value not in (None, "")
        }
        return Search(**given)
