"""How rows that have served are deleted: in batches, so that nobody waits long for a lock."""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

BATCH = 1000


def clear(rows: "QuerySet[Any]", batch: int = BATCH) -> int:
    """Delete rows, each batch in a transaction of its own; how many. Safe to interrupt."""
    cleared = 0
    while keys := list(rows.order_by("pk").values_list("pk", flat=True)[:batch]):
        rows.filter(pk__in=keys).delete()
        cleared += len(keys)
    return cleared


def batches(keys: list[Any]) -> Iterator[list[Any]]:
    """Some keys, at most `BATCH` at a time."""
    return (keys[start : start + BATCH] for start in range(0, len(keys), BATCH))
