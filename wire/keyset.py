"""Pages by the last values seen: no COUNT, no OFFSET, as fast at page 10,000 as at page 1."""

import hashlib
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache, partial
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from django.core.exceptions import ValidationError
from django.db.models import F, Model, QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan

from database import prepared
from tokens.jws import encode_base64url

Row = dict[str, Any]

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
MAX_CURSOR = 2_000
EACH = 1_000
"""Rows that are read at once where all are."""


class InvalidCursor(Exception):
    """The cursor is not one that this list gave out for these filters."""


class Cursor(NamedTuple):
    """Where a page begins: after, or before, the row with these values."""

    values: list[Any]
    backward: bool = False


class Ordering(NamedTuple):
    """A way to order a list: non-null fields, all in one direction, the last one unique."""

    name: str
    fields: tuple[str, ...]
    descending: bool = False


class Page(NamedTuple):
    """Some rows of a list, and the cursors of its neighbours (None at an end)."""

    rows: list[Row]
    next: str | None
    previous: str | None
    shape: str
    ordering: Ordering
    is_backward: bool = False

    def cut(self, count: int) -> "Page":
        """The first so many rows, or the last of a page that was read backwards, so that its neighbours miss none."""
        kept = slice(-count, None) if self.is_backward else slice(count)
        rows = self.rows[kept]
        if self.is_backward:
            return self._replace(rows=rows, previous=write_cursor(rows[0], self.shape, self.ordering, backward=True))

        return self._replace(rows=rows, next=write_cursor(rows[-1], self.shape, self.ordering, backward=False))


Build = Callable[..., "QuerySet[Any, Row]"]


class KeptList:
    """A list that is asked for again and again, whose SQL is prepared."""

    def __init__(self, build: Build, model: type[Model], columns: prepared.Columns) -> None:
        self.build, self.model = build, model
        starts = {f"after_{column.name}": column.name for column in model._meta.concrete_fields}
        self.rows = prepared.rows(model, **columns, **starts)(self.arrange)

    def page(self, ordering: Ordering, *, cursor: str | None, limit: int, **filters: Any) -> Page:
        """As `paginate`, for what the function takes; all of it filters the cursors."""
        taken = tuple(filters.values())
        shape = digest_kept(self.model, ordering, taken[0] if len(taken) == 1 else taken)
        start = read_cursor(cursor, shape, self.model._meta.get_field, ordering)
        place = zip(ordering.fields, start.values, strict=True) if start else ()
        after = {f"after_{field}": value for field, value in place}
        descending = is_descending(ordering, start)
        rows = self.rows(ordering=ordering, descending=descending, limit=limit + 1, **filters, **after)
        return make_page(rows, shape, ordering, start, limit)

    def arrange(self, ordering: Ordering, descending: bool, limit: int, **given: Any) -> "QuerySet[Any, Row]":
        start = [given.pop(f"after_{field}", None) for field in ordering.fields]
        return arrange(self.build(**given), ordering, descending, start if all(start) else None)[:limit]


def kept_list(model: type[Model], **columns: str | list[str]) -> Callable[[Build], KeptList]:
    """For a function that returns the rows of a list, in no order yet; called as prepared statements are."""
    return lambda build: KeptList(build, model, columns)


def paginate(
    rows: "QuerySet[Any, Row]", ordering: Ordering, *, cursor: str | None = None, limit: int, filters: object = None
) -> Page:
    """One page of a queryset's `.values(...)`, which must hold the fields of `ordering`.

    `filters` is whatever else made the list what it is; a cursor works only with the same. Raises
    `InvalidCursor` for any cursor that this very list did not give out.
    """
    shape = digest(rows.model, ordering, filters)
    start = read_cursor(cursor, shape, partial(find_column, rows), ordering)
    return make_page(fetch(rows, ordering, start, limit + 1), shape, ordering, start, limit)


def paginate_tiers(
    tiers: "Sequence[QuerySet[Any, Row]]", ordering: Ordering, *, cursor: str | None, limit: int, filters: object = None
) -> Page:
    """As `paginate`, of a list that is several in turn, so that each may have an index of its own.

    The first field of `ordering` is the number of the tier, from 0, which the rows of each must hold.
    A tier is read no further than the page goes, and not at all where it ends before.
    """
    shape = digest(tiers[0].model, ordering, filters)
    start = read_cursor(cursor, shape, partial(find_column, tiers[0]), ordering)
    within = ordering._replace(fields=ordering.fields[1:])
    found: list[Row] = []
    for tier, place in reachable_tiers(tiers, ordering, start):
        found += fetch(tier, within, place, limit + 1 - len(found))
        if len(found) > limit:
            break
    return make_page(found, shape, ordering, start, limit)


def make_page(rows: list[Row], shape: str, ordering: Ordering, start: Cursor | None, limit: int) -> Page:
    """The page that begins at `start`, of the rows there, one more than `limit` if there are more."""
    backward = bool(start and start.backward)
    more, rows = len(rows) > limit, rows[:limit]
    if backward:
        rows.reverse()

    after = write_cursor(rows[-1], shape, ordering, backward=False) if rows and (more or backward) else None
    before = write_cursor(rows[0], shape, ordering, backward=True) if rows and (more if backward else start) else None
    return Page(rows, after, before, shape, ordering, backward)


def reachable_tiers(
    tiers: "Sequence[QuerySet[Any, Row]]", ordering: Ordering, start: Cursor | None
) -> "Iterator[tuple[QuerySet[Any, Row], Cursor | None]]":
    """The tiers that a page may reach, in turn, and where it begins in each."""
    first, *values = start.values if start else [0]
    backward = bool(start and start.backward)
    numbered = list(enumerate(tiers))
    for number, tier in reversed(numbered) if backward else numbered:
        if start and number == first:
            yield tier, Cursor(values, backward)
        elif not start or (number < first) == backward:
            yield tier, Cursor([], backward)


def fetch(rows: "QuerySet[Any, Row]", ordering: Ordering, start: Cursor | None, limit: int) -> list[Row]:
    return list(arrange(rows, ordering, is_descending(ordering, start), start.values if start else None)[:limit])


def every_batch(rows: "QuerySet[Any, Row]", ordering: Ordering) -> Iterator[list[Row]]:
    """All rows of a queryset's `.values(...)`, in bounded memory here and in the database, the first ones at once."""
    batch = fetch(rows, ordering, None, EACH)
    while batch:
        # Taken before the rows are given away: who writes them out may change them.
        after = Cursor([batch[-1][field] for field in ordering.fields])
        yield batch
        batch = fetch(rows, ordering, after, EACH)


def is_descending(ordering: Ordering, start: Cursor | None) -> bool:
    """Which way rows are read: backwards, a list is turned round."""
    return ordering.descending != bool(start and start.backward)


def arrange(
    rows: "QuerySet[Any, Row]", ordering: Ordering, descending: bool, start: list[Any] | None
) -> "QuerySet[Any, Row]":
    """The rows in order, beyond the one with the values `start`."""
    if start:
        comparison, bound = (TupleLessThan, "lte") if descending else (TupleGreaterThan, "gte")
        # SQLite is given the comparison as an OR, which it searches no index for; the bound says where to begin.
        first = {f"{ordering.fields[0]}__{bound}": start[0]}
        rows = rows.filter(comparison(Tuple(*map(F, ordering.fields)), start), **first)
    return rows.order_by(*(f"-{field}" if descending else field for field in ordering.fields))


def digest(model: type[Model], ordering: Ordering, filters: object) -> str:
    """A short hash of what a list is, so that no cursor is taken from another."""
    text = orjson.dumps([model._meta.label, ordering.name, filters], default=str, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(text).hexdigest()[:12]


digest_kept = lru_cache(prepared.REMEMBERED)(digest)


def write_cursor(row: Row, shape: str, ordering: Ordering, *, backward: bool) -> str:
    values = [row[field] for field in ordering.fields]
    text = orjson.dumps([shape, backward, values], default=str)
    return encode_base64url(text)


def read_cursor(cursor: str | None, shape: str, columns: Callable[[str], Any], ordering: Ordering) -> Cursor | None:
    """The place that a cursor, if any, names; raises `InvalidCursor` unless this list gave it out."""
    if not cursor:
        return None

    try:
        text = urlsafe_b64decode(cursor[:MAX_CURSOR].encode("ascii") + b"==")
        given, backward, values = orjson.loads(text)
        values = [read_value(columns(field), value) for field, value in zip(ordering.fields, values, strict=True)]
    except (ValueError, TypeError, OverflowError, ValidationError, InvalidOperation) as error:
        raise InvalidCursor from error
    if given != shape or not isinstance(backward, bool):
        raise InvalidCursor

    return Cursor(values, backward)


def read_value(column: Any, value: Any) -> Any:
    """A value of a cursor in the type of its column or annotation; raises for any other."""
    read = column.to_python(value)
    if not isinstance(read, (str, int, Decimal, datetime, UUID)) or "\0" in str(read):
        raise ValueError("A cursor's values are never null.")
    if isinstance(read, datetime):
        if read.tzinfo is None:
            raise ValueError("A cursor's times have an offset.")
        return read.astimezone(UTC)

    column.run_validators(read)
    return read


def find_column(queryset: "QuerySet[Any, Row]", field: str) -> Any:
    """The column, or the annotation's, of that name."""
    annotation = queryset.query.annotations.get(field)
    return annotation.output_field if annotation else queryset.model._meta.get_field(field)
