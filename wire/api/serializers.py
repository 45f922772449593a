"""Strict input: unknown fields and wrong JSON types are errors, never guesses."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.validators import ProhibitSurrogateCharactersValidator

from wire.money import CURRENCIES, MAX_AMOUNT
from wire.text import MAX_PASSWORD, NormalForm, TextRefused, line


class StrictSerializer(serializers.Serializer[Any]):
    """A serializer that refuses fields it does not know."""

    def to_internal_value(self, data: Any) -> Any:
        known = super().to_internal_value(data)
        unknown = set(data) - set(self.fields) if isinstance(data, Mapping) else set()
        if unknown:
            raise serializers.ValidationError({name: ["Unknown field."] for name in sorted(unknown)})

        return known


def read(serializer: type[serializers.Serializer[Any]], data: Any, *, partial: bool = False) -> dict[str, Any]:
    """The fields of a body; `partial` ones may lack what is required. Raises DRF's `ValidationError`."""
    if data is None:
        raise serializers.ValidationError("No data provided", code="null")

    return dict(kept(serializer, partial=partial).run_validation(data))


@cache
def kept(serializer: type[serializers.Serializer[Any]], *, partial: bool) -> serializers.Serializer[Any]:
    """A serializer that keeps nothing of what it reads; making its fields anew takes longer than using them."""
    return serializer(partial=partial)


class Nothing(StrictSerializer):
    """A body without any field."""


class PageLinks(serializers.Serializer[Any]):
    """The neighbours of a page, beside its `results`."""

    examples = {"next": None, "previous": None}
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)


class BoundedList(serializers.ListField):
    """A JSON array; its length is looked at before what stands in it."""

    def __init__(self, *, max_length: int, **kwargs: Any) -> None:
        super().__init__(max_length=max_length, **kwargs)

    def to_internal_value(self, data: Any) -> list[Any]:
        if isinstance(data, list):
            self.run_validators(data)
        return super().to_internal_value(data)


class Text(serializers.CharField):
    """A JSON string, in its normal form (`wire.text`) before it is counted; nothing else is taken for one."""

    def __init__(self, *, normal_form: NormalForm = line, **kwargs: Any) -> None:
        # What is stripped is for the normal form to say: to Python some controls are white space.
        super().__init__(**{"trim_whitespace": False, **kwargs})
        # JSON that is read here has no lone surrogates; to look at each letter for them takes longer than all else.
        self.validators.remove(ProhibitSurrogateCharactersValidator())
        self.normal_form = normal_form

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        try:
            plain = self.normal_form(data)
        except TextRefused as error:
            raise serializers.ValidationError(str(error)) from error
        if not plain and not self.allow_blank:
            self.fail("blank")
        return plain


class Password(Text):
    """A password, as it was typed: what is hashed is made of it later (`wire.text.password`)."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(normal_form=str, max_length=MAX_PASSWORD, **kwargs)


class Id(serializers.UUIDField):
    """A UUID as text with hyphens (RFC 9562 4), no number and no other way to write one."""

    def to_internal_value(self, data: Any) -> UUID:
        if not isinstance(data, str) or len(data) != 36:
            self.fail("invalid", value=data)
        return super().to_internal_value(data)


class Whole(serializers.IntegerField):
    """A JSON integer; strings, booleans and fractions are not taken for one."""

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            self.fail("invalid")
        return super().to_internal_value(data)


class Flag(serializers.BooleanField):
    """A JSON boolean and nothing like one."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


AMOUNT = r"[0-9]{1,10}(\.[0-9]{1,3})?"
"""How money is written; no exponent, since `1e-999999` is a megabyte when written out."""


@extend_schema_field({"type": "string", "format": "decimal", "pattern": f"^{AMOUNT}$", "examples": ["4.50"]})
class Amount(serializers.DecimalField):
    """Money as a string such as "4.50"; never a float."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=None, decimal_places=None, min_value=0, max_value=MAX_AMOUNT, **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str) or not re.fullmatch(AMOUNT, data):
            self.fail("invalid")
        return super().to_internal_value(data)


class Currency(serializers.ChoiceField):
    """An ISO 4217 code."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(sorted(CURRENCIES), **kwargs)
