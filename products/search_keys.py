"""What a product is searched and ordered by, which follows from its other columns."""

from collections.abc import Mapping
from typing import Any

from wire import text
from wire.search_key import fold

MAX_KEY = 300
MAX_SKU_KEY = 100
NORMAL_FORMS = {"sku": text.identifier, "name": text.line, "description": text.lines, "category": text.line}


def write_key(name: str, sku: str) -> str:
    """Name and sku as they are searched; of a name that becomes too long, the sku is not cut off."""
    end = fold(sku)[:MAX_SKU_KEY]
    return f"{fold(name)[: MAX_KEY - 1 - len(end)]} {end}".strip()


def write_text(name: str, sku: str, description: str) -> str | None:
    """All that is searched of a product that has a description; nothing for one that has none."""
    described = fold(description)
    return f"{write_key(name, sku)} {described}" if described else None


def derive(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that follow from the others of a row, as it is and as it will be."""
    is_changed = any(before[name] != after[name] for name in NORMAL_FORMS)
    return {
        "search_key": write_key(after["name"], after["sku"]),
        "search_text": write_text(after["name"], after["sku"], after["description"]),
        "version": before["version"] + is_changed,
    }
