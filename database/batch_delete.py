"""Rows that are not needed any more are deleted in batches, so that nobody waits long for a lock."""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from database import clock

BATCH = 1_000


def delete(rows: "QuerySet[Any]", *, along: str = "pk") -> int:
    """Delete rows whose time is over, each batch in a transaction of its own; how many. Safe to interrupt.

    They are read once, along the index of a column, and never from the start again, where what was deleted still lies.
    Raises `ClockDiffers` on a machine whose clock is wrong.
    """
    clock.check()
    deleted, rest = 0, rows
    while batch := list(rest.order_by(along).values_list("pk", along)[:BATCH]):
        rows.filter(pk__in=[pk for pk, _ in batch]).delete()
        deleted += len(batch)
        rest = rows.filter(**{f"{along}__gte": batch[-1][1]})
    return deleted


def delete_among(others: "QuerySet[Any]", rows: "QuerySet[Any]") -> int:
    """As `delete`, of rows that no index tells from others: all are looked through, and no statement reads many."""
    clock.check()
    deleted, rest = 0, others
    while keys := list(rest.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        over = list(rows.filter(pk__in=keys).values_list("pk", flat=True))
        rows.filter(pk__in=over).delete()
        deleted += len(over)
        rest = others.filter(pk__gt=keys[-1])
    return deleted


def batches(keys: list[Any]) -> Iterator[list[Any]]:
    """Some keys, at most `BATCH` at a time."""
    return (keys[start : start + BATCH] for start in range(0, len(keys), BATCH))
