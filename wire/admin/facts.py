"""What an event says beside who did what, in words."""

from collections.abc import Mapping
from typing import Any

from wire.money import trim_price

LONGEST = 200
"""Characters of a value that are told."""


def describe_facts(facts: Mapping[str, Any]) -> list[str]:
    """The facts of an event, a line for each: `Price: 79.00 to 82.00`."""
    return [line for name, fact in facts.items() for line in describe_fact(name, fact)]


def describe_fact(name: str, fact: Any) -> list[str]:
    if name == "fields" and isinstance(fact, dict):
        return [f"{write_label(field)}: {write_change(field, change)}" for field, change in fact.items()]

    return [f"{write_label(name)}: {write_value(name, fact)}"]


def write_change(field: str, change: Any) -> str:
    """What a field was and what it is now, of a pair; anything else as it is."""
    if not isinstance(change, list) or len(change) != 2:
        return write_value(field, change)

    return f"{write_value(field, change[0])} to {write_value(field, change[1])}"


def write_label(name: str) -> str:
    return name.replace("_", " ").capitalize()


def write_value(name: str, value: Any) -> str:
    if value is None or value in ("", [], {}):
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(write_value(name, item) for item in value)
    if isinstance(value, dict):
        return "; ".join(f"{key} {write_value(key, item)}" for key, item in value.items())

    text = str(value)
    if name == "price":
        text = trim_price(text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
