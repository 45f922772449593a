"""Pages by the last values seen: no COUNT, no OFFSET, as fast at page 10,000 as at page 1."""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from django.core.exceptions import ValidationError
from django.db.models import F, Model, QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan
from rest_framework.request import Request

from wire.problems import Problem

Row = dict[str, Any]

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
MAX_CURSOR = 2_000


class InvalidCursor(Problem):
    """The cursor is not one that this list gave out."""

    default_code = "invalid-cursor"
    default_detail = "That cursor is not one that this list gave out for these filters."


class Cursor(NamedTuple):
    """Where a page begins: after, or before, the row with these values."""

    values: list[Any]
    backward: bool = False


class Page(NamedTuple):
    """Some rows of a list, and the cursors of its neighbours (None at an end)."""

    rows: list[Row]
    next: str | None
    previous: str | None


class Ordering(NamedTuple):
    """A way to order a list: non-null fields, all in one direction, the last one unique."""

    name: str
    fields: tuple[str, ...]
    descending: bool = False


def paginate(
    queryset: "QuerySet[Any, Row]", ordering: Ordering, *, cursor: str | None, limit: int, filters: object = None
) -> Page:
    """One page of `queryset.values(...)`, which must hold the fields of `ordering`.

    `filters` is whatever else made the list what it is; a cursor works only with the same. Raises
    `InvalidCursor` for any cursor that this very list did not give out.
    """
    shape = digest(queryset.model, ordering, filters)
    start = read_cursor(cursor, shape, queryset, ordering) if cursor else None
    backward = bool(start and start.backward)
    rows = fetch(queryset, ordering, start, limit + 1)
    more, rows = len(rows) > limit, rows[:limit]
    if backward:
        rows.reverse()

    after = write_cursor(rows[-1], shape, ordering, backward=False) if rows and (more or backward) else None
    before = write_cursor(rows[0], shape, ordering, backward=True) if rows and (more if backward else start) else None
    return Page(rows, after, before)


def read_limit(request: Request) -> int:
    """How many rows a request asks for in `limit`: 1 to 100, 20 if it does not say."""
    text = request.GET.get("limit", str(DEFAULT_LIMIT))
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= MAX_LIMIT):
        raise Problem(f"limit is a whole number from 1 to {MAX_LIMIT}.", code="invalid")

    return int(text)


def write_page(request: Request, page: Page, results: list[Row]) -> Row:
    """The body of a list: its rows as they leave, and the addresses of its neighbours."""
    return {
        "results": results,
        "next": write_address(request, page.next),
        "previous": write_address(request, page.previous),
    }


def write_address(request: Request, cursor: str | None) -> str | None:
    query = write_query(request, cursor)
    return query and request.build_absolute_uri(f"{request.path}{query}")


def write_query(request: Any, cursor: str | None) -> str | None:
    """The query of a neighbouring page: the request's own, with its cursor."""
    if cursor is None:
        return None

    query = request.GET.copy()
    query["cursor"] = cursor
    return f"?{query.urlencode()}"


def fetch(queryset: "QuerySet[Any, Row]", ordering: Ordering, start: Cursor | None, limit: int) -> list[Row]:
    descending = ordering.descending != bool(start and start.backward)
    if start:
        comparison = TupleLessThan if descending else TupleGreaterThan
        queryset = queryset.filter(comparison(Tuple(*map(F, ordering.fields)), start.values))
    return list(queryset.order_by(*(f"-{field}" if descending else field for field in ordering.fields))[:limit])


def digest(model: type[Model], ordering: Ordering, filters: object) -> str:
    """A short hash of what a list is, so that no cursor is taken from another."""
    text = orjson.dumps([model._meta.label, ordering.name, filters], default=str, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(text).hexdigest()[:12]


def write_cursor(row: Row, shape: str, ordering: Ordering, *, backward: bool) -> str:
    values = [row[field] for field in ordering.fields]
    text = orjson.dumps([shape, backward, values], default=str)
    return urlsafe_b64encode(text).rstrip(b"=").decode()


def read_cursor(cursor: str, shape: str, queryset: "QuerySet[Any, Row]", ordering: Ordering) -> Cursor:
    """The place that a cursor names; raises `InvalidCursor` unless this list gave it out."""
    try:
        text = urlsafe_b64decode(cursor[:MAX_CURSOR].encode("ascii") + b"==")
        given, backward, values = orjson.loads(text)
        values = [read_value(queryset, *pair) for pair in zip(ordering.fields, values, strict=True)]
    except (ValueError, TypeError, OverflowError, ValidationError, InvalidOperation) as error:
        raise InvalidCursor from error
    if given != shape or not isinstance(backward, bool):
        raise InvalidCursor

    return Cursor(values, backward)


def read_value(queryset: "QuerySet[Any, Row]", field: str, value: Any) -> Any:
    """A value of a cursor in the type of its column or annotation; raises for any other."""
    annotation = queryset.query.annotations.get(field)
    column = annotation.output_field if annotation else queryset.model._meta.get_field(field)
    read = column.to_python(value)
    if not isinstance(read, (str, int, Decimal, datetime, UUID)) or "\0" in str(read):
        raise ValueError("A cursor's values are never null.")
    if isinstance(read, datetime):
        return read_time(read)

    column.run_validators(read)
    return read


def read_time(time: datetime) -> datetime:
    """A time in UTC; raises `ValueError` or `OverflowError` for one that is not any."""
    if time.tzinfo is None:
        raise ValueError("A cursor's times have an offset.")
    return time.astimezone(UTC)
