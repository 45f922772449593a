"""Counts and ages for whoever looks often: exact up to a bound, whatever the size of the table."""

from datetime import datetime
from typing import Any

from django.db.models import Min, QuerySet

from database import clock

MOST = 10_000
"""Rows that are looked at; as many stand for as many or more."""


def count(rows: "QuerySet[Any]", *, most: int | None = None) -> int:
    """How many rows there are, counted no further than `most` (or `MOST`), along an index that has their order."""
    return rows[: most or MOST].count()


def oldest(rows: "QuerySet[Any]", column: str) -> float:
    """Seconds since the earliest time in a column, of at most `MOST` rows; 0 if there are none."""
    return age(rows.order_by()[:MOST].aggregate(at=Min(column))["at"])


def age(at: datetime | None) -> float:
    """Seconds since a time, by the database's clock; 0 if there is none."""
    return max(0.0, (clock.now() - at).total_seconds()) if at else 0.0
