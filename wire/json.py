"""JSON in and out (RFC 8259): strict where it is read, compact where it is written."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import accumulate
from json import loads
from typing import Any

import orjson
from django.utils.functional import Promise
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

PROBLEM_TYPE = "application/problem+json"
MAX_ELEMENTS = 1000
"""Values in a text, those in others counted with them; the largest body that is taken has about 500."""
MAX_DEPTH = 10
STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
NESTING = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1, ord(","): 0}
NO_MARKS = bytes(set(range(256)) - NESTING.keys())


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


class StrictJSONParser(BaseParser):
    """Take UTF-8 JSON without NaN, lone surrogates or a name that stands twice, of bounded length, width and depth."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """The value of the body; raises `ParseError`, or `RequestDataTooBig` beyond the bound."""
        request = parser_context["request"] if parser_context else stream
        check_size(request._request.body)
        try:
            value = orjson.loads(request._request.body)
        except orjson.JSONDecodeError as error:
            raise ParseError(f"The body is not JSON: {error}.") from error
        # orjson keeps the last of two; others in the way may keep the first (RFC 8259 4). Numbers are not read again.
        loads(request._request.body, object_pairs_hook=check_names, parse_int=str, parse_float=str)
        return value


def check_names(members: Sequence[tuple[str, Any]]) -> None:
    """Raise `ParseError` if a name stands twice in an object."""
    names = [name for name, _ in members]
    if twice := next((name for name in names if names.count(name) > 1), None) if len(names) > len({*names}) else None:
        raise ParseError(f"The body has a member twice in one object: {twice[:50]!r}.")


def check_size(text: bytes) -> None:
    """Count elements and depth before anything is made of a text; raises `ParseError`."""
    if len(text.translate(None, NO_MARKS)) <= MAX_DEPTH:
        return  # With those in strings: so few need no closer look.

    marks = STRING.sub(b"", text).translate(None, NO_MARKS)
    if sum(marks.count(mark) for mark in (b",", b"[", b"{")) > MAX_ELEMENTS:
        raise ParseError(f"The body has more than {MAX_ELEMENTS:,} elements.")
    if max(accumulate(map(NESTING.__getitem__, marks)), default=0) > MAX_DEPTH:
        raise ParseError(f"The body is more than {MAX_DEPTH} levels deep.")


class JSONRenderer(BaseRenderer):
    """Compact UTF-8 JSON; times in RFC 3339 with a Z. A bare `Decimal` is a mistake, not a float."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return b"" if data is None else write(data)
