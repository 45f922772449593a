"""Examples of what comes in and goes out, put together from the fields of a serializer.

A serializer says in `examples` what its fields may hold; a field that it does not name holds a plain value of its kind.
"""

from typing import Any

from rest_framework import serializers

ID = "3a7c4d52-8f0e-4b0f-9f55-0d1c5be9a001"
SENCHA = "c008fd24-fb30-57cb-a3ca-48cc552d3c89"
ALICE = {"id": "568024b6-5f28-5b9b-89e9-1227758effb3", "name": "Alice", "email": "alice@example.com"}
"""A product and a customer of the demo."""
TIME = "2026-05-04T09:30:00.000000Z"


def example_of(serializer: Any, *, is_request: bool = False) -> Any:
    """An example of what a serializer describes. What may be left out of a request stands there if it is named."""
    if isinstance(serializer, serializers.ListSerializer):
        return [example_of(serializer.child, is_request=is_request)]

    named = getattr(serializer, "examples", {})
    shown = [name for name, field in serializer.fields.items() if name in named or field.required or not is_request]
    return {
        name: named[name] if name in named else example_of_field(serializer.fields[name], is_request=is_request)
        for name in shown
    }


def example_of_field(field: Any, *, is_request: bool = False) -> Any:
    if isinstance(field, serializers.BaseSerializer):
        return example_of(field, is_request=is_request)
    if isinstance(field, serializers.ListField):
        return [example_of_field(field.child, is_request=is_request)] if field.child else []
    if isinstance(field, serializers.ChoiceField):
        return next(iter(field.choices))
    if field.allow_null:
        return None

    plain = {
        serializers.UUIDField: ID,
        serializers.DateTimeField: TIME,
        serializers.IntegerField: 1,
        serializers.BooleanField: True,
        serializers.DecimalField: "4.50",
        serializers.EmailField: "alice@example.com",
        serializers.DictField: {},
        serializers.JSONField: {},
    }
    return next((value for kind, value in plain.items() if isinstance(field, kind)), "text")
