"""What comes in is checked here, and what goes out is documented: products, and what is held of them."""

from typing import Any

from django.core.validators import ProhibitNullCharactersValidator
from rest_framework import serializers

from products.catalogue import ORDERINGS, Search
from products.reservations import RequestedLine, State
from wire.serializers import Amount, BoundedList, Currency, Flag, Id, PageLinks, StrictSerializer, Text, Whole, read

MAX_LINES = 100
MAX_HELD = 1_000_000


# What comes in ----------------------------------------------------------------------------------


class ProductFields(StrictSerializer):
    """A product as staff write it."""

    sku = Text(max_length=64)
    name = Text(max_length=200)
    description = Text(max_length=4000, allow_blank=True, required=False)
    category = Text(max_length=64, allow_blank=True, required=False)
    price = Amount()
    currency = Currency(required=False)
    active = Flag(required=False)


class MappedChoice(serializers.ChoiceField):
    """One of some words, each standing for a value."""

    def __init__(self, values: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(choices=list(values), **kwargs)
        self.values = values

    def to_internal_value(self, data: Any) -> Any:
        return self.values[super().to_internal_value(data)]


class SearchQuery(serializers.Serializer[Any]):
    """The query of the list of products."""

    q = serializers.CharField(
        required=False,
        max_length=100,
        allow_blank=True,
        validators=[ProhibitNullCharactersValidator()],
        help_text="Words in name or sku, in any case and accents. What begins with them, or has them as sku, "
        "comes first, unless `ordering` says otherwise.",
    )
    category = serializers.CharField(
        required=False, max_length=64, allow_blank=True, validators=[ProhibitNullCharactersValidator()]
    )
    price_min = Amount(required=False)
    price_max = Amount(required=False)
    in_stock = MappedChoice({"true": True, "false": False}, required=False, help_text="Whether any is available.")
    active = MappedChoice(
        {"true": True, "false": False, "any": None},
        required=False,
        help_text="Retired ones (`false`, `any`) are shown to `products:write`.",
    )
    ordering = serializers.ChoiceField(list(ORDERINGS), required=False)


SEARCH_FIELDS = SearchQuery().fields


def read_search(query: Any) -> Search:
    """What a query looks for; raises DRF's `ValidationError`."""
    found, errors = {}, {}
    # As the serializer does, without making its fields anew for each request.
    for name in SEARCH_FIELDS.keys() & query.keys():
        try:
            found[name] = SEARCH_FIELDS[name].run_validation(query[name])
        except serializers.ValidationError as error:
            errors[name] = error.detail
    if errors:
        raise serializers.ValidationError(errors)

    return Search(**found)


class WantedLine(StrictSerializer):
    """A product to hold for an order; `price` is what its buyer saw."""

    product = Id()
    quantity = Whole(min_value=1, max_value=MAX_HELD)
    price = Amount(required=False, allow_null=True)


class WantedLines(StrictSerializer):
    """All lines of an order."""

    lines = BoundedList(child=WantedLine(), min_length=1, max_length=MAX_LINES)


def read_requested_lines(data: Any) -> list[RequestedLine]:
    """The lines of a body; raises DRF's `ValidationError`."""
    return [RequestedLine(**line) for line in read(WantedLines, data)["lines"]]


# What goes out ----------------------------------------------------------------------------------


class ListedProduct(serializers.Serializer[Any]):
    """A product in a list."""

    id = serializers.UUIDField()
    sku = serializers.CharField()
    name = serializers.CharField()
    category = serializers.CharField()
    price = serializers.CharField(help_text="An amount such as `4.50`.")
    currency = serializers.CharField(help_text="ISO 4217.")
    available = serializers.IntegerField(help_text="Units that may be ordered.")
    active = serializers.BooleanField(help_text="Off for a retired product.")
    on_hand = serializers.IntegerField(required=False, help_text="With `products:write` only.")
    reserved = serializers.IntegerField(required=False, help_text="With `products:write` only.")


class WholeProduct(ListedProduct):
    """A product."""

    description = serializers.CharField()


class ProductList(PageLinks):
    """One page of products."""

    results = ListedProduct(many=True)


class HeldLine(serializers.Serializer[Any]):
    """A product that is held, with what it is sold as."""

    product = serializers.UUIDField()
    sku = serializers.CharField()
    name = serializers.CharField()
    quantity = serializers.IntegerField()
    unit_price = serializers.CharField()
    currency = serializers.CharField()


class HeldOrder(serializers.Serializer[Any]):
    """What is held for an order, or was: a repeat may come after the goods left."""

    order = serializers.UUIDField()
    state = serializers.ChoiceField([State.HELD, State.FULFILLED, State.TAKEN_BACK])
    lines = HeldLine(many=True)


class OrderState(serializers.Serializer[Any]):
    """Where the goods of an order are."""

    order = serializers.UUIDField()
    state = serializers.ChoiceField([State.FULFILLED, State.TAKEN_BACK])


class HoldingLine(serializers.Serializer[Any]):
    """How many of a product are held."""

    product = serializers.UUIDField()
    quantity = serializers.IntegerField()


class Holding(serializers.Serializer[Any]):
    """What is held for one of many orders."""

    order = serializers.UUIDField()
    lines = HoldingLine(many=True)


class HoldingList(PageLinks):
    """One page of the orders that something is held for."""

    results = Holding(many=True)
