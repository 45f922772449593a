"""SQL that is made once for each shape of a query and run many times with other values.

Building a query costs the ORM more than running it costs the database.
"""

from collections.abc import Sequence
from typing import Any

from django.db import connections
from django.db.models import Expression, Field, QuerySet


class Slot(Expression):
    """Where a query takes value number `index` each time it is run, in the type of a column."""

    def __init__(self, index: int, column: "Field[Any, Any]") -> None:
        super().__init__(output_field=column)
        self.index = index

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        return "%s", [self]


class Statement:
    """The SQL of a `.values()` queryset, in which every `Slot` is left open."""

    def __init__(self, queryset: "QuerySet[Any, dict[str, Any]]") -> None:
        query = queryset.query
        compiler = query.get_compiler(queryset.db)
        self._using = queryset.db
        self._sql, self._values = compiler.as_sql()
        self._names = query.selected or [*query.values_select, *query.annotation_select]
        self._convert = compiler.apply_converters
        self._converters = compiler.get_converters([column for column, *_ in compiler.select])

    def rows(self, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """What the query finds with these values in its slots."""
        connection = connections[self._using]
        given = [fill(value, values, connection) for value in self._values]
        with connection.cursor() as cursor:
            cursor.execute(self._sql, given)
            found: Any = cursor.fetchall()
        if self._converters:
            found = self._convert(found, self._converters)
        return [dict(zip(self._names, row, strict=False)) for row in found]


def fill(value: Any, values: Sequence[Any], connection: Any) -> Any:
    """A value as the database takes it; what stands in a slot is looked up."""
    if not isinstance(value, Slot):
        return value

    return value.output_field.get_db_prep_value(values[value.index], connection)
