"""The API of prepared SQL as it was, until all call sites are converted.

SQL that is made once for each shape of a query and run many times with other values.

Building a query costs the ORM more than running it costs the database. What is said here is said in the
ORM's words and through its compilers; only the SQL is kept.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, Generic, TypeVar

from django.db import connections, transaction
from django.db.models import Expression, Field, Model, QuerySet
from django.db.models.query import get_related_populators
from django.db.models.sql import UpdateQuery

M = TypeVar("M", bound=Model)
Values = Sequence[Any]
"""What stands in the slots of a statement, by their numbers."""


class Slot(Expression):
    """Where a statement takes value number `index` each time it is run, in the type of a column."""

    def __init__(self, index: int, column: "Field[Any, Any]") -> None:
        super().__init__(output_field=column)
        self.index = index

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        return "%s", [self]


def slots(model: type[Model], *columns: str) -> list[Slot]:
    """Slots number 0, 1 and so on, in the types of columns of a model."""
    found: list[Any] = [model._meta.get_field(column) for column in columns]
    return [Slot(*numbered) for numbered in enumerate(found)]


@cache
def blank(using: str) -> Any:
    """A connection that is never opened. SQL is made on it, so that what is kept holds none of a thread that ends."""
    return connections.create_connection(using)


class Kept:
    """SQL in which every `Slot` is left open."""

    def __init__(self, using: str, query: Any) -> None:
        self._using = using
        self._compiler = query.get_compiler(connection=blank(using))
        self._sql, self._values = self._compiler.as_sql()

    def _fill(self, values: Values) -> list[Any]:
        """What the database is given, with these values in the slots."""
        connection = connections[self._using]
        return [
            value.output_field.get_db_prep_value(values[value.index], connection) if isinstance(value, Slot) else value
            for value in self._values
        ]


class Selection(Kept):
    """A kept SELECT."""

    def __init__(self, queryset: "QuerySet[Any, Any]") -> None:
        super().__init__(queryset.db, queryset.query)
        self._converters = self._compiler.get_converters([column for column, *_ in self._compiler.select])

    def _fetch(self, values: Values) -> Any:
        """The rows that it finds, as Python has them."""
        with connections[self._using].cursor() as cursor:
            cursor.execute(self._sql, self._fill(values))
            found = cursor.fetchall()
        return self._compiler.apply_converters(found, self._converters) if self._converters else found


class Statement(Selection):
    """The kept SELECT of a `.values()` queryset."""

    def __init__(self, queryset: "QuerySet[Any, Any]") -> None:
        super().__init__(queryset)
        query = queryset.query
        self._names = query.selected or [*query.values_select, *query.annotation_select]

    def rows(self, *values: Any) -> list[dict[str, Any]]:
        """What it finds with these values in its slots."""
        return [dict(zip(self._names, row, strict=False)) for row in self._fetch(values)]


class Objects(Selection, Generic[M]):
    """The kept SELECT of a queryset of objects, with those that `select_related` brings along."""

    def __init__(self, queryset: "QuerySet[M]") -> None:
        super().__init__(queryset)
        chosen, info = self._compiler.select, self._compiler.klass_info
        self._model = queryset.model
        self._own = slice(info["select_fields"][0], info["select_fields"][-1] + 1)
        self._names = [column.target.attname for column, *_ in chosen[self._own]]
        self._related = get_related_populators(info, chosen, queryset.db)  # type: ignore[call-arg]

    def find(self, *values: Any) -> list[M]:
        """What it finds with these values in its slots."""
        return [self._make(row) for row in self._fetch(values)]

    def first(self, *values: Any) -> M | None:
        """The first that it finds, if any."""
        return next(iter(self.find(*values)), None)

    def get(self, *values: Any) -> M:
        """The first that it finds; raises the model's `DoesNotExist`."""
        found = self.first(*values)
        if found is None:
            raise self._model.DoesNotExist  # type: ignore[attr-defined]

        return found

    def _make(self, row: Sequence[Any]) -> M:
        made = self._model.from_db(self._using, self._names, row[self._own])
        for related in self._related:
            related.populate(row, made)
        return made


class Change(Kept):
    """A kept UPDATE: the SQL of `queryset.update(**changes)`."""

    def __init__(self, queryset: "QuerySet[Any, Any]", **changes: Any) -> None:
        query: Any = queryset.query.chain(UpdateQuery)
        query.add_update_values(changes)
        super().__init__(queryset.db, query)

    def run(self, *values: Any) -> int:
        """Change what it finds with these values in its slots; how many rows that were."""
        return self.run_each([values])

    def run_each(self, many: Sequence[Values]) -> int:
        """As `run`, once for each of many."""
        filled = list(map(self._fill, many))
        with transaction.mark_for_rollback_on_error(self._using), connections[self._using].cursor() as cursor:
            if len(filled) == 1:
                cursor.execute(self._sql, filled[0])
            else:
                cursor.executemany(self._sql, filled)
            return int(cursor.rowcount)
