"""How answers leave: compact JSON (RFC 8259)."""

from typing import Any

from rest_framework.renderers import BaseRenderer

from wire import json


class JSONRenderer(BaseRenderer):
    """Compact UTF-8 JSON; times in RFC 3339 with a Z. A bare `Decimal` is a mistake, not a float."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return b"" if data is None else json.write(data)
