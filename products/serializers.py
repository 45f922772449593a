"""What comes in is checked here, and what goes out is documented: products, and what is held of them."""

from typing import Any
from uuid import UUID

from django.core.validators import ProhibitNullCharactersValidator
from rest_framework import serializers

from products.catalogue import MAX_SEARCH, ORDERINGS
from products.reservations import RequestedLine, State
from wire import text
from wire.api.examples import SENCHA
from wire.api.serializers import Amount, BoundedList, Currency, Flag, Id, PageLinks, StrictSerializer, Text, Whole, read
from wire.money import CURRENCIES
from wire.queries import Choice, MappedChoice, PageQuery, Query
from wire.text import read_id

MAX_LINES = 100
MAX_HELD = 1_000_000


# What comes in ----------------------------------------------------------------------------------


class ProductFields(StrictSerializer):
    """A product as staff write it."""

    examples = {
        "sku": "TEA-016",
        "name": "Hojicha",
        "description": "Roasted green tea, almost without caffeine.",
        "category": "Tea",
        "price": "8.40",
        "currency": "EUR",
    }
    sku = Text(max_length=64, normal_form=text.identifier)
    name = Text(max_length=200)
    description = Text(normal_form=text.lines, max_length=4000, allow_blank=True, required=False)
    category = Text(max_length=64, allow_blank=True, required=False)
    price = Amount()
    currency = Currency(required=False)
    active = Flag(required=False)


class SearchQuery(PageQuery):
    """The query of the list of products."""

    q = serializers.CharField(
        required=False,
        max_length=MAX_SEARCH,
        validators=[ProhibitNullCharactersValidator()],
        help_text="Words in name, sku or description, in any case, with or without accents, quotes and hyphens. "
        "Whose sku they are, whose name begins with them and whose name holds them comes first, unless `ordering` "
        "says otherwise.",
    )
    category = Text(required=False, max_length=64, help_text="Only products of this category, written as it is there.")
    price_min = Amount(required=False, help_text="Only products at this price or above it.")
    price_max = Amount(required=False, help_text="Only products at this price or below it.")
    currency = Choice(
        sorted(CURRENCIES),
        required=False,
        help_text="Needed beside `price_min` and `price_max` where there are prices in several.",
    )
    in_stock = MappedChoice({"true": True, "false": False}, required=False, help_text="Whether any is available.")
    active = MappedChoice(
        {"true": True, "false": False, "any": None},
        required=False,
        help_text="Retired ones (`false`, `any`) are shown to `products:write`.",
    )
    ordering = Choice(ORDERINGS, required=False, help_text="By price: as numbers, whatever the currency.")


class HoldingQuery(PageQuery):
    """The query of the list of what is held."""

    state = Choice(["held"], default="held", help_text="What is held is all there is to list.")


class IdList(serializers.CharField):
    """Ids with commas between them."""

    def to_internal_value(self, data: Any) -> list[UUID]:  # type: ignore[override]
        ids = [read_id(text) for text in super().to_internal_value(data).split(",")]
        if None in ids:
            raise serializers.ValidationError("These are not ids with commas between them.")

        return [found for found in ids if found]


class OfferQuery(Query):
    """The query of what some products could be had for."""

    products = IdList(required=False, max_length=37 * MAX_LINES, help_text="Their ids, with commas between them.")


class WantedLine(StrictSerializer):
    """A product to hold for an order; `price` is what its buyer saw."""

    examples = {"product": SENCHA, "quantity": 2}
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

    examples = {
        "id": SENCHA,
        "sku": "TEA-004",
        "name": "Sencha",
        "category": "Tea",
        "price": "9.20",
        "currency": "EUR",
        "available": 78,
        "on_hand": 80,
        "reserved": 2,
    }
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

    examples = {**ListedProduct.examples, "description": "Steamed green leaves; brew below 80 degrees."}
    description = serializers.CharField()


class ProductList(PageLinks):
    """One page of products."""

    results = ListedProduct(many=True)


class OfferedProduct(serializers.Serializer[Any]):
    """What a product could be had for just now."""

    product = serializers.UUIDField()
    name = serializers.CharField()
    price = serializers.CharField(help_text="An amount such as `4.50`.")
    currency = serializers.CharField(help_text="ISO 4217.")
    available = serializers.IntegerField(help_text="Units that may be ordered.")


class OfferList(serializers.Serializer[Any]):
    """Those of the products that are sold."""

    results = OfferedProduct(many=True)


class HeldLine(serializers.Serializer[Any]):
    """A product that is held, with what it is sold as."""

    examples = {
        "product": SENCHA,
        "sku": "TEA-004",
        "name": "Sencha",
        "quantity": 2,
        "unit_price": "9.20",
        "currency": "EUR",
    }
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

    examples = {"product": SENCHA, "quantity": 2}
    product = serializers.UUIDField()
    quantity = serializers.IntegerField()


class Holding(serializers.Serializer[Any]):
    """What is held for one of many orders."""

    order = serializers.UUIDField()
    lines = HoldingLine(many=True)


class HoldingList(PageLinks):
    """One page of the orders that something is held for."""

    results = Holding(many=True)
