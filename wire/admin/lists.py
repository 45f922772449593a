"""Lists of the admin, bounded: what may stand in their address, how much they read, how many rows an action takes."""

import re
from datetime import UTC, datetime, time
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ORDER_VAR, SEARCH_VAR, ChangeList
from django.core.exceptions import SuspiciousOperation, ValidationError
from django.core.paginator import Paginator
from django.db import DataError
from django.db.models import F, Field
from django.http import HttpRequest, QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.functional import cached_property

from database import bounded_counts
from database.beginnings import Begins
from database.distinct import distinct_values

MAX_ROWS = 200
"""Rows that "show all" shows, and that one action takes."""
MAX_COUNTED = 10_000
"""Rows of a list that are counted, and that its pages reach; a filter or a search reaches the others."""
MAX_CHOICES = 100
"""Choices that a filter offers."""
MAX_TEXT = 200
"""Characters of each value in the address, a search among them."""
MAX_WORDS = 20
ORDER = r"(-?\d{1,2}(\.-?\d{1,2}){0,19})?"


class UnknownAddress(Exception):
    """Something in the address of a list is nothing that the list offers; the text says what."""


def check_address(query: QueryDict) -> None:
    """Raise `UnknownAddress` for values that are too long or given twice, too many words, and orders that are none."""
    for name, values in query.lists():
        if len(values) > 1:
            raise UnknownAddress(f"“{name[:50]}” stands in the address more than once.")
        if "\0" in name + values[0] or len(values[0]) > MAX_TEXT:
            raise UnknownAddress(f"“{name[:50]}” in the address takes a text of at most {MAX_TEXT} characters.")
    if len(query.get(SEARCH_VAR, "").split()) > MAX_WORDS:
        raise UnknownAddress(f"A search takes at most {MAX_WORDS} words.")
    if not re.fullmatch(ORDER, query.get(ORDER_VAR, ""), re.ASCII):
        raise UnknownAddress("The list cannot be put in that order.")


def read_key(column: Any, text: str) -> Any:
    """The primary key that a text names; None for what can be none."""
    if "\0" in text or len(text) > MAX_TEXT:
        return None

    try:
        key = column.to_python(text)
        column.run_validators(key)
    except ValidationError:
        return None

    return key


class MoreThan(int):
    """A number of rows of which there are more, as lists say it."""

    def __str__(self) -> str:
        return f"more than {int(self):,}"


class BoundedPaginator(Paginator):
    """Counts `MAX_COUNTED` rows and no further, in the order of the list, along whose index they are read.

    Where a page behind the last is asked for, it is the last: its rows may have gone meanwhile.
    """

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        found = bounded_counts.count(rows, most=MAX_COUNTED + 1)
        return MoreThan(MAX_COUNTED) if found > MAX_COUNTED else found

    def validate_number(self, number: Any) -> int:
        return max(1, min(int(number), self.num_pages))


class BoundedChangeList(ChangeList):
    """A list that is narrowed by its own filters alone, and by values that the database takes."""

    def get_filters(self, request: HttpRequest) -> Any:
        specs, has_specs, others, *rest = super().get_filters(request)
        allowed = [item for item in self.list_filter if isinstance(item, str)]
        for name in others:
            if name not in allowed:
                raise UnknownAddress(f"This list has no filter “{name[:50]}”.")
        for spec in specs:
            if hasattr(spec, "lookup_choices"):
                spec.lookup_choices = spec.lookup_choices[:MAX_CHOICES]
        return specs, has_specs, others, *rest

    def get_results(self, request: HttpRequest) -> None:
        try:
            super().get_results(request)
        except (OverflowError, DataError) as error:
            raise IncorrectLookupParameters from error
        self.page_num = self.paginator.validate_number(self.page_num)


UNREADABLE = (IncorrectLookupParameters, SuspiciousOperation, ValidationError, ValueError, OverflowError)
"""What Django's list raises for values that a filter cannot read."""


class NamedElsewhere(admin.SimpleListFilter):
    """The rows of one thing of another service, which a link names by its id: there is nothing to choose from."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(named, self.describe(named)) for named in self.used_parameters.values()]

    def describe(self, named: str) -> str:
        """What people call the thing."""
        return named


class OneOf(admin.RelatedFieldListFilter):
    """The rows of one thing, which a link elsewhere names: not a choice among all things that there are."""

    def expected_parameters(self) -> list[str | None]:
        return [self.lookup_kwarg]

    def field_choices(self, field: "Field[Any, Any]", request: HttpRequest, model_admin: Any) -> Any:
        named: Any = self.lookup_val
        return field.get_choices(include_blank=False, limit_choices_to={"pk__in": named}) if named else []

    def has_output(self) -> bool:
        return bool(self.lookup_val)


def first_found(*searches: Any) -> Any:
    """The first of some searches of a list that finds anything; each is read along an index, as their OR is not."""
    return next((rows for rows in searches if rows.order_by().exists()), searches[-1])


def beginning(rows: Any, column: Any, text: str) -> Any:
    """The rows of a list whose column begins with a text, in the order of that column, along whose index they are read.

    A column is its name, or an expression that has an index.
    """
    # However many begin so, and wherever they are in the list's own order, no more are read than are shown.
    begins = Begins(F(column) if isinstance(column, str) else column, text)
    return rows.filter(begins).order_by(column, *rows.query.order_by)


class StoredValues(admin.AllValuesFieldListFilter):
    """The values that stand in a column, each found by one step along an index that begins with it."""

    def __init__(self, field: Any, request: HttpRequest, params: Any, model: Any, *where: Any, **named: Any) -> None:
        super().__init__(field, request, params, model, *where, **named)
        self.lookup_choices: Any = distinct_values(model, field.name, most=MAX_CHOICES)


class Days(admin.DateFieldListFilter):
    """Django's choices of times, and a form for any days, by which every row of a long list can be reached."""

    template = "admin/days.html"

    def __init__(self, field: Any, request: HttpRequest, params: Any, *where: Any, **named: Any) -> None:
        for name in (f"{field.name}__gte", f"{field.name}__lt"):
            # A day that was left empty is none.
            if begins := [begin_of(text) for text in params.pop(name, []) if text]:
                params[name] = begins
        super().__init__(field, request, params, *where, **named)

    def choices(self, changelist: Any) -> Any:
        own = self.expected_parameters()
        self.others = {name: text for name, text in changelist.params.items() if name not in own}
        return super().choices(changelist)

    @property
    def days(self) -> list[tuple[str, str, str]]:
        """What the form asks for: label, name and the day that is chosen."""
        named = {"From": self.lookup_kwarg_since, "Before": self.lookup_kwarg_until}
        return [(label, name, str(self.date_params.get(name, ""))[:10]) for label, name in named.items()]


def begin_of(text: str) -> str:
    """A day as its beginning, where the shop is; anything else as it is."""
    try:
        day = parse_date(text)
    except ValueError:
        return text
    # The first and the last day that there are begin in no other zone.
    zone = UTC if day and day.year in (1, 9999) else timezone.get_current_timezone()
    return str(datetime.combine(day, time(), zone)) if day else text
