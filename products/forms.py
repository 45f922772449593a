"""What one may look for on the page of products."""

from typing import Any

from django import forms

from products.catalogue import Search
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

    q = forms.CharField(
        required=False, max_length=200, label="Search", widget=forms.TextInput(attrs={"type": "search"})
    )
    category = forms.ChoiceField(required=False)
    ordering = forms.ChoiceField(required=False, label="Sort by", choices=ORDERING_LABELS)
    price_min = PriceField("Price from")
    price_max = PriceField("Price to")
    in_stock = forms.BooleanField(required=False, label="In stock only")

    def __init__(self, data: Any, categories: list[str]) -> None:
        super().__init__(data)
        choices = [("", "All"), *((category, category) for category in categories)]
        self.fields["category"].choices = choices  # type: ignore[attr-defined]

    def to_search(self) -> Search:
        """What was filled in rightly."""
        given = {
            name: value for name, value in self.cleaned_data.items() if value is not False and value not in (None, "")
        }
        return Search(**given)
