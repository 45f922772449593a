"""What bodies are taken: strict JSON (RFC 8259)."""

from collections.abc import Mapping
from typing import Any

import orjson
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser


class StrictJSONParser(BaseParser):
    """Take UTF-8 JSON without NaN or lone surrogates, within the bound on request bodies."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """The value of the body; raises `ParseError`, or `RequestDataTooBig` beyond the bound."""
        request = parser_context["request"] if parser_context else stream
        try:
            return orjson.loads(request._request.body)
        except orjson.JSONDecodeError as error:
            raise ParseError(f"The body is not JSON: {error}.") from error
