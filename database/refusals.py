"""What the database said when it last refused to write: that it is read-only, or its disk full."""

import time

REMEMBERED = 30.0
"""Seconds for which a refusal is told."""

_last = (float("-inf"), "")


def note_refusal(reason: str) -> None:
    global _last  # noqa: PLW0603 - one for the process
    _last = (time.monotonic(), reason)


def last_refusal() -> str:
    """Why a write was refused a moment ago; empty if none was."""
    at, reason = _last
    return reason if time.monotonic() - at < REMEMBERED else ""
