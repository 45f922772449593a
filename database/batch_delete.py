"""Rows that are not needed any more are deleted in batches, so that nobody waits long for a lock."""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

BATCH = 1_000


def delete(rows: "QuerySet[Any]") -> int:
    """Delete rows, each batch in a transaction of its own; how many. Safe to interrupt."""
    deleted = 0
    # In no order, so that the database finds them by the index that fits the condition.
    while keys := list(rows.order_by().values_list("pk", flat=True)[:BATCH]):
        rows.filter(pk__in=keys).delete()
        deleted += len(keys)
    return deleted


def batches(keys: list[Any]) -> Iterator[list[Any]]:
    """Some keys, at most `BATCH` at a time."""
    return (keys[start : start + BATCH] for start in range(0, len(keys), BATCH))
