"""The request id: in every log line, every problem, every event."""

import structlog


def request_id() -> str:
    """The id of the request under way; empty outside one."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))
