"""Values as JSON (RFC 8259), written fast."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import orjson
from django.utils.functional import Promise


def write(value: Any) -> bytes:
    """A value as it leaves."""
    return orjson.dumps(value, default=encode, option=orjson.OPT_UTC_Z)


def encode(value: Any) -> Any:
    """What orjson does not know: lazy texts, and the mappings and lists of DRF."""
    if isinstance(value, Decimal):
        raise TypeError("Money leaves as a string: see wire.money.")
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, (str, Promise)):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
