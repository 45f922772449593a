"""What is known of a request's body before it is read: for the server and for Django."""

from collections.abc import Mapping
from typing import Any

IS_LATE = "tessera.body_is_late"
"""In the environment of a request: its body did not come in time, or broke off."""


def body_length(environ: Mapping[str, Any]) -> int:
    """In bytes, as the request says it; no more than that can be read."""
    try:
        return int(environ.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0
