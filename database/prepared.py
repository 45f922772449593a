"""SQL that is made once for each shape of a query and run many times with other values.

Building a query costs the ORM more than running it costs the database. A prepared statement is written as the
function it stands for, which returns a queryset or updates one, and is called by keyword:

    @prepared.rows(Product, key="id")
    def product_by_key(key):
        return Product.objects.filter(pk=key).values("sku", "price")

    product_by_key(key=product_id)

A keyword that the decorator names is a value, in the type of that column of the model; with `["id"]` it is a list
of such values. Every other keyword is part of the shape: there is one SQL for each, as for each length of a list.
The function must come to the same query whenever it is called: no time, no chance in it.

Private to Django, to be looked at with each upgrade: `Query.get_compiler`, `SQLCompiler.as_sql`,
`SQLCompiler.select`, `SQLCompiler.get_converters`, `Field.column`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cache, cached_property, lru_cache
from itertools import zip_longest
from typing import Any, Generic, NamedTuple, ParamSpec, TypeVar

from django.core.exceptions import EmptyResultSet
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.models import AutoField, Expression, Field, Model, QuerySet

from database import pipelines

M = TypeVar("M", bound=Model)
P = ParamSpec("P")
T = TypeVar("T")
Columns = Mapping[str, str | list[str]]
"""The column of a model (`user__email` is one of another) that each value belongs to; in a list, of many values."""
Row = dict[str, Any]

REMEMBERED = 512
"""Shapes of one statement whose SQL is kept."""


class Parameter(Expression):
    """Where a statement takes the value of a keyword each time it is run, in the type of a column."""

    def __init__(self, keyword: str, column: "Field[Any, Any]", index: int | None = None) -> None:
        super().__init__(output_field=column)
        self.keyword, self.column, self.index = keyword, column, index

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        return "%s", [self]


class Sql(NamedTuple):
    """SQL, its parameters (some of them a `Parameter`), and for a SELECT the names and converters of its columns."""

    sql: str
    params: Sequence[Any]
    names: Sequence[str] = ()
    converters: Sequence[tuple[int, list[Callable[..., Any]], Any]] = ()

    def fill(self, values: Mapping[str, Any], connection: Any) -> list[Any]:
        """The parameters as the database takes them."""
        return [
            param.column.get_db_prep_value(
                values[param.keyword] if param.index is None else values[param.keyword][param.index], connection
            )
            if type(param) is Parameter
            else param
            for param in self.params
        ]

    def ask(self, values: Mapping[str, Any]) -> Callable[[], list[Sequence[Any]]]:
        """The rows that it finds, as Python has them, once what is returned is called: until then nobody waits."""
        if self is NOTHING:
            return list

        return send(self.sql, self.fill(values, connections[DEFAULT_DB_ALIAS]), self._read)

    def _read(self, cursor: Any) -> list[Sequence[Any]]:
        found, connection = cursor.fetchall(), connections[DEFAULT_DB_ALIAS]
        return [self._convert(list(row), connection) for row in found] if self.converters else found

    def _convert(self, row: list[Any], connection: Any) -> list[Any]:
        for position, functions, expression in self.converters:
            for function in functions:
                row[position] = function(row[position], expression, connection)
        return row

    def ask_change(self, values: Mapping[str, Any]) -> Callable[[], int]:
        """How many rows it changed, once what is returned is called: until then nobody waits."""
        if self is NOTHING:
            return int

        return send(self.sql, self.fill(values, connections[DEFAULT_DB_ALIAS]), count_changed)

    def change_many(self, many: Iterable[Mapping[str, Any]]) -> None:
        """Run it once for each of many sets of values."""
        connection = connections[DEFAULT_DB_ALIAS]
        filled = [self.fill(values, connection) for values in many]
        with marking_errors(), pipelines.unanswered(), connection.cursor() as cursor:
            cursor.executemany(self.sql, filled)


def send(sql: str, params: Sequence[Any], read: Callable[[Any], T]) -> Callable[[], T]:
    """Run a statement; what is returned reads its answer, which is here already unless statements travel together."""
    cursor = connections[DEFAULT_DB_ALIAS].cursor()
    with marking_errors(), pipelines.unanswered():
        cursor.execute(sql, params)
    if not pipelines.is_open():
        with cursor:
            answer = read(cursor)
        return lambda: answer

    def wait() -> T:
        with marking_errors():
            pipelines.wait_for(cursor)
            return read(cursor)

    return wait


def count_changed(cursor: Any) -> int:
    return int(cursor.rowcount)


NOTHING = Sql("", [])
"""What can find no row, as Django says of `pk__in=[]`, is not run."""


class PreparedStatement(Generic[P]):
    """A function from which statements are made, one for each shape, and run."""

    def __init__(self, function: Callable[P, Any], model: type[Model], columns: Columns) -> None:
        self.build: Callable[..., Any] = function
        self.model, self.columns = model, columns
        self._single = {keyword for keyword, column in columns.items() if isinstance(column, str)}
        self._make = lru_cache(REMEMBERED)(self._make_shape)

    def statement(self, positional: Sequence[Any], values: Mapping[str, Any]) -> Sql:
        """The statement for what was given: alike for the same keywords, lengths and other arguments."""
        if positional:
            raise TypeError(f"{self.build.__name__}() takes its values by keyword")

        return self._make(*self.shape(values))

    def shape(self, values: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[Any, ...]]:
        """What the SQL depends on: the keywords, and of each that is no single value its length or what it is."""
        if values.keys() <= self._single:
            return tuple(values), ()

        shapes = [
            None if keyword in self._single else len(value) if keyword in self.columns else value
            for keyword, value in values.items()
        ]
        return tuple(values), tuple(shapes)

    def _make_shape(self, keywords: Sequence[str], shapes: Sequence[Any]) -> Sql:
        arguments = {keyword: self._parameter(keyword, shape) for keyword, shape in zip_longest(keywords, shapes)}
        # What is made refers to a connection: that of this thread, which ends here and has opened none.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(self._write, arguments).result()

    def _parameter(self, keyword: str, shape: Any) -> Any:
        if keyword not in self.columns:
            return shape

        if keyword in self._single:
            return Parameter(keyword, find_column(self.model, self.columns[keyword]))

        column = find_column(self.model, *self.columns[keyword])
        return [Parameter(keyword, column, index) for index in range(shape)]

    def _write(self, arguments: Mapping[str, Any]) -> Sql:
        return write_select(self.build(**arguments))


def find_column(model: Any, path: Any) -> "Field[Any, Any]":
    """The column of a model that a path such as `user__email` leads to."""
    *relations, name = path.split("__")
    for relation in relations:
        model = model._meta.get_field(relation).related_model
    return model._meta.get_field(name)


class PreparedRows(PreparedStatement[P]):
    """The SELECT of a `.values()` queryset."""

    def __call__(self, *positional: P.args, **values: P.kwargs) -> list[Row]:
        return self.ask(*positional, **values)()

    def ask(self, *positional: P.args, **values: P.kwargs) -> Callable[[], list[Row]]:
        """As a call, whose answer is waited for when what this returns is called."""
        statement = self.statement(positional, values)
        read = statement.ask(values)
        return lambda: [dict(zip(statement.names, row, strict=False)) for row in read()]


class PreparedObjects(PreparedStatement[P], Generic[P, M]):
    """The SELECT of a queryset of a model, whose objects bring some along that they refer to."""

    def __init__(self, function: Callable[P, Any], model: type[M], related: Sequence[str], columns: Columns) -> None:
        super().__init__(function, model, columns)
        self._related = related

    def __call__(self, *positional: P.args, **values: P.kwargs) -> list[M]:
        return self.ask(*positional, **values)()

    def ask(self, *positional: P.args, **values: P.kwargs) -> Callable[[], list[M]]:
        """As a call, whose answer is waited for when what this returns is called."""
        read = self.statement(positional, values).ask(values)
        return lambda: [self._read(row) for row in read()]

    def first(self, *positional: P.args, **values: P.kwargs) -> M | None:
        """The first that it finds, if any."""
        return next(iter(self(*positional, **values)), None)

    def get(self, *positional: P.args, **values: P.kwargs) -> M:
        """The first that it finds; raises the model's `DoesNotExist`."""
        found = self.first(*positional, **values)
        if found is None:
            raise self.model.DoesNotExist  # type: ignore[attr-defined]

        return found

    def _write(self, arguments: Mapping[str, Any]) -> Sql:
        columns = [f"{part.prefix}{name}" for part in self._parts for name in part.names]
        return write_select(self.build(**arguments).values_list(*columns))

    def _read(self, row: Sequence[Any]) -> Any:
        read, *related = [part.model.from_db(DEFAULT_DB_ALIAS, part.names, row[part.columns]) for part in self._parts]
        for name, found in zip(self._related, related, strict=True):
            setattr(read, name, found)
        return read

    @cached_property
    def _parts(self) -> list["Part"]:
        """The model and those that its objects bring along."""
        parts = [make_part("", self.model, 0)]
        for name in self._related:
            related: Any = self.model._meta.get_field(name).related_model
            parts.append(make_part(f"{name}__", related, parts[-1].columns.stop))
        return parts


class Part(NamedTuple):
    """One model of a join, and where its columns stand in a row."""

    prefix: str
    model: type[Model]
    names: list[str]
    columns: slice


def make_part(prefix: str, model: type[Model], start: int) -> Part:
    names = [column.attname for column in model._meta.concrete_fields]
    return Part(prefix, model, names, slice(start, start + len(names)))


class PreparedUpdate(PreparedStatement[P]):
    """The UPDATE of a queryset; called, it answers how many rows it changed."""

    def __call__(self, *positional: P.args, **values: P.kwargs) -> int:
        return self.ask(*positional, **values)()

    def ask(self, *positional: P.args, **values: P.kwargs) -> Callable[[], int]:
        """As a call, whose answer is waited for when what this returns is called."""
        return self.statement(positional, values).ask_change(values)

    def many(self, many: Sequence[Mapping[str, Any]]) -> None:
        """As a call, once for each of many sets of values, which must have one shape; nobody waits for the answer."""
        shapes = {self.shape(values) for values in many}
        if len(shapes) > 1:
            raise TypeError("These are not the values of one statement.")

        for shape in shapes:
            self._make(*shape).change_many(many)

    def _write(self, arguments: Mapping[str, Any]) -> Sql:
        recorder: Any = Recorder()
        connections[DEFAULT_DB_ALIAS].cursor = lambda: recorder  # type: ignore[method-assign]
        self.build(**arguments)
        [statement] = recorder.statements or [NOTHING]
        return statement


class Recorder(ExitStack):
    """A cursor that runs nothing and notes what it is given; it is entered, left and closed as every cursor."""

    rowcount = 0

    def __init__(self) -> None:
        super().__init__()
        self.statements: list[Sql] = []

    def execute(self, sql: str, params: Sequence[Any]) -> None:
        self.statements.append(Sql(sql, params))


def write_select(queryset: "QuerySet[Any, Any]") -> Sql:
    compiler = queryset.query.get_compiler(connection=connections[DEFAULT_DB_ALIAS])
    try:
        sql, params = compiler.as_sql()
    except EmptyResultSet:
        return NOTHING
    expressions, _, names = zip(*compiler.select, strict=True)
    converters = [(position, *found) for position, found in compiler.get_converters(expressions).items()]
    return Sql(sql, params, names, converters)


@contextmanager
def marking_errors() -> Iterator[None]:
    """After an error: what was done in the same transaction, if there is one, will be undone."""
    try:
        yield
    except Exception:
        if not transaction.get_autocommit():
            transaction.set_rollback(True)
        raise


# How they are written ---------------------------------------------------------------------------


def rows(
    model: type[Model], **columns: str | list[str]
) -> "Callable[[Callable[P, QuerySet[Any, Row]]], PreparedRows[P]]":
    """For a function that returns a `.values()` queryset: rows, as dictionaries."""
    return lambda function: PreparedRows(function, model, columns)


def objects(
    model: type[M], *related: str, **columns: str | list[str]
) -> "Callable[[Callable[P, QuerySet[M]]], PreparedObjects[P, M]]":
    """For a function that returns a queryset of a model: its objects, with those that some foreign keys name."""
    return lambda function: PreparedObjects(function, model, related, columns)


def update(model: type[Model], **columns: str | list[str]) -> Callable[[Callable[P, int]], PreparedUpdate[P]]:
    """For a function that returns what `QuerySet.update` does: the number of rows that it changed."""
    return lambda function: PreparedUpdate(function, model, columns)


# New rows ---------------------------------------------------------------------------------------


class Insertion(NamedTuple):
    """An INSERT, the columns that it takes of each row, and whether it answers with their keys."""

    sql: str
    columns: "tuple[Field[Any, Any], ...]"
    returns_keys: bool

    def values(self, rows: Sequence[Model], connection: Any) -> list[Any]:
        return [
            column.get_db_prep_save(column.pre_save(row, True), connection) for row in rows for column in self.columns
        ]


def insert(new: Iterable[Model], *, ignore_conflicts: bool = False) -> int:
    """Insert new rows of one model, as `bulk_create` does by one statement; how many were inserted.

    An automatic key is the database's to choose, and then theirs. Raises `IntegrityError` where a row is
    in the way, unless conflicts are ignored; then no row learns its key.
    """
    rows = list(new)
    if not rows:
        return 0

    insertion = write_insert(
        type(rows[0]), len(rows), ignore_conflicts=ignore_conflicts, wants_keys=not ignore_conflicts
    )
    connection = connections[DEFAULT_DB_ALIAS]
    with marking_errors(), connection.cursor() as cursor:
        cursor.execute(insertion.sql, insertion.values(rows, connection))
        keys = cursor.fetchall() if insertion.returns_keys else []
        inserted = len(keys) or int(cursor.rowcount)
    for row, (key,) in zip(rows, keys, strict=False):
        row.pk = key
    mark_inserted(rows)
    return inserted


def ask_insert(row: M) -> Callable[[], M]:
    """Insert a new row whose key the database chooses: the row with its key, once what is returned is called."""
    insertion = write_insert(type(row), 1, ignore_conflicts=False, wants_keys=True)
    read = send(insertion.sql, insertion.values([row], connections[DEFAULT_DB_ALIAS]), lambda cursor: cursor.fetchall())

    def inserted() -> M:
        [(row.pk,)] = read()
        mark_inserted([row])
        return row

    return inserted


def insert_unanswered(new: Iterable[Model], *, ignore_conflicts: bool = False) -> None:
    """As `insert`, by a statement whose answer nobody waits for (`database.pipelines`), and so without their keys."""
    rows = list(new)
    if not rows:
        return

    insertion = write_insert(type(rows[0]), len(rows), ignore_conflicts=ignore_conflicts, wants_keys=False)
    connection = connections[DEFAULT_DB_ALIAS]
    values = insertion.values(rows, connection)
    with marking_errors(), pipelines.unanswered(), connection.cursor() as cursor:
        cursor.execute(insertion.sql, values)
    mark_inserted(rows)


def mark_inserted(rows: Iterable[Model]) -> None:
    for row in rows:
        row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS


@cache
def write_insert(model: type[Model], count: int, *, ignore_conflicts: bool, wants_keys: bool) -> Insertion:
    """The INSERT of some rows of a model; keys that the database chooses come back in their order."""
    columns = tuple(column for column in model._meta.concrete_fields if not isinstance(column, AutoField))
    automatic = [column for column in model._meta.concrete_fields if isinstance(column, AutoField)]
    names = ", ".join(f'"{column.column}"' for column in columns)
    marks = ", ".join([f"({', '.join(['%s'] * len(columns))})"] * count)
    ending = " ON CONFLICT DO NOTHING" if ignore_conflicts else ""
    returns_keys = bool(automatic) and wants_keys
    if returns_keys:
        ending = f' RETURNING "{automatic[0].column}"'
    sql = f'INSERT INTO "{model._meta.db_table}" ({names}) VALUES {marks}{ending}'  # noqa: S608 - names of ours
    return Insertion(sql, columns, returns_keys)
