"""The tables of services copied to another database, and compared row by row: how a shop is taken apart or moved."""

import hashlib
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple, cast

import orjson
from django.apps import apps
from django.conf import settings
from django.db import DataError, IntegrityError, connections, transaction
from django.db.models import AutoField, BinaryField, Max, Model, QuerySet

from config.environment import demand, for_child, parse_database

SOURCE, TARGET = "default", "target"
BATCH = 1_000
"""Rows that are read and written at once."""
LARGE = 5
"""As `BATCH`, of a table with files in it."""

Row = tuple[Any, ...]


class NotEmpty(Exception):
    """The target holds rows of the service already."""


class Differs(Exception):
    """Source and target do not hold the same; the message names the tables in which they differ."""


class NotHeld(Exception):
    """The target takes no row that the source has; the message names the table and says why."""


class Digest(NamedTuple):
    """What a table holds: how many rows, and a checksum over them in whatever order."""

    rows: int
    checksum: str


def extract(services: Sequence[str], url: str) -> dict[str, Digest]:
    """Copy the tables of services to the target, which is at `url`, and compare; what each table holds.

    Nothing may write to these tables meanwhile: what it finds changed afterwards is `Differs`. All of them are copied
    or none. Raises `NotEmpty` if the target is not, `NotHeld` if it does not take what the source has.
    """
    refuse_rows(services)
    migrate(services, url)
    empty(services)
    copy(services)
    return compare(services)


def compare(services: Sequence[str]) -> dict[str, Digest]:
    """What each table of services holds, here and in the target; raises `Differs`."""
    digests = {table(model): (digest(model, SOURCE), digest(model, TARGET)) for model in models_of(services)}
    differing = [name for name, (here, there) in digests.items() if here != there]
    if differing:
        raise Differs(f"these tables differ: {', '.join(differing)}")

    return {name: there for name, (_, there) in digests.items()}


def models_of(services: Sequence[str]) -> list[type[Model]]:
    """Every table of some services, those between two models included."""
    return [model for name in services for model in apps.get_app_config(name).get_models(include_auto_created=True)]


def table(model: type[Model]) -> str:
    return model._meta.db_table


def open_target(url: str) -> None:
    """Let Django know the database at `url` as well."""
    target = parse_database("--to", url)
    demand(target.get("POOLER") != "transaction", "--to: rows are copied past a pooler; name the server itself")
    known = connections.configure_settings({SOURCE: connections.settings[SOURCE], TARGET: target})
    connections.settings[TARGET] = known[TARGET]


def refuse_rows(services: Sequence[str]) -> None:
    """Raise `NotEmpty` if any table of the services has a row in the target."""
    present = set(connections[TARGET].introspection.table_names())
    filled = [table(model) for model in models_of(services) if table(model) in present and rows(model, TARGET).exists()]
    if filled:
        raise NotEmpty(f"the target is not empty: there are rows in {', '.join(filled)}")


def migrate(services: Sequence[str], url: str) -> None:
    """Make the tables in the target, as a process of these services makes them."""
    alone = for_child(SERVICES=",".join(services), DATABASE_URL=url)
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "migrate", "--verbosity", "0"]
    subprocess.run(command, env=alone, check=True)  # noqa: S603


# Copying ----------------------------------------------------------------------------------------


@transaction.atomic(using=TARGET)
def empty(services: Sequence[str]) -> None:
    """Take out what migrations put there: it comes along with the rest, and what fails then may be tried again."""
    for model in models_of(services):
        execute(f"DELETE FROM {quoted(table(model))}")  # noqa: S608


@transaction.atomic(using=TARGET)
def copy(services: Sequence[str]) -> None:
    """Write every row of services to the target, all or none. Foreign keys are checked at the end."""
    for model in models_of(services):
        try:
            copy_table(model)
        except (DataError, IntegrityError) as error:
            # SQLite keeps texts and numbers that are longer than their column says.
            raise NotHeld(f"{table(model)}: {error}") from error


def copy_table(model: type[Model]) -> None:
    source, size = read(model, SOURCE), batch_size(model)
    while batch := list(islice(source, size)):
        insert(model, batch)
    if isinstance(model._meta.pk, AutoField):
        set_sequence(model)


def batch_size(model: type[Model]) -> int:
    has_files = any(isinstance(field, BinaryField) for field in model._meta.local_concrete_fields)
    return LARGE if has_files else BATCH


def execute(sql: str, params: Sequence[Any] = (), *, alias: str = TARGET) -> Row:
    """Run a statement; the first row that it answers with, if any."""
    with connections[alias].cursor() as cursor:
        cursor.execute(sql, params)
        return (cursor.fetchone() if cursor.description else None) or ()


def quoted(name: str | None) -> str:
    return str(connections[TARGET].ops.quote_name(name or ""))


def rows(model: type[Model], alias: str) -> "QuerySet[Any]":
    return cast("QuerySet[Any]", model._base_manager.using(alias))


def read(model: type[Model], alias: str) -> Iterator[Row]:
    """Every row of a table, its columns in the order of the model's fields."""
    names = [field.attname for field in model._meta.local_concrete_fields]
    return rows(model, alias).order_by("pk").values_list(*names).iterator(chunk_size=batch_size(model))


def insert(model: type[Model], batch: Iterable[Row]) -> None:
    """Insert rows as they are: no default, no time of now, no signal."""
    target, fields = connections[TARGET], model._meta.local_concrete_fields
    columns = ", ".join(quoted(field.column) for field in fields)
    places = ", ".join(["%s"] * len(fields))
    prepared = [
        [field.get_db_prep_save(value, target) for field, value in zip(fields, row, strict=True)] for row in batch
    ]
    with target.cursor() as cursor:
        cursor.executemany(f"INSERT INTO {quoted(table(model))} ({columns}) VALUES ({places})", prepared)  # noqa: S608


def set_sequence(model: type[Model]) -> None:
    """Have the target give out no number that the source ever gave out, not even of a row that is gone."""
    last = max(last_number(model), rows(model, SOURCE).aggregate(last=Max("pk"))["last"] or 0)
    if not last:
        return

    if connections[TARGET].vendor == "postgresql":
        execute("SELECT setval(pg_get_serial_sequence(%s, %s), %s)", [*sequence_of(model), last])
    else:
        execute("DELETE FROM sqlite_sequence WHERE name = %s", [table(model)])
        execute("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [table(model), last])


def last_number(model: type[Model]) -> int:
    """The last number that the source gave out for a table's primary key."""
    if connections[SOURCE].vendor == "postgresql":
        sql, params = "SELECT pg_sequence_last_value(pg_get_serial_sequence(%s, %s))", sequence_of(model)
    else:
        sql, params = "SELECT seq FROM sqlite_sequence WHERE name = %s", [table(model)]
    return int(next(iter(execute(sql, params, alias=SOURCE)), None) or 0)


def sequence_of(model: type[Model]) -> list[str]:
    """The table and the column that a sequence belongs to."""
    return [table(model), str(model._meta.pk.column)]


# Comparing --------------------------------------------------------------------------------------


def digest(model: type[Model], alias: str) -> Digest:
    """Count and checksum of a table: the sum of the hashes of its rows, so that no order matters."""
    count = total = 0
    for row in read(model, alias):
        count += 1
        total += int.from_bytes(hashlib.sha256(write_row(row)).digest(), "big")
    return Digest(count, f"{total % 2**256:064x}")


def write_row(row: Row) -> bytes:
    """A row as text, the same from whichever database it comes."""
    return orjson.dumps(row, default=spell, option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z)


def spell(value: Any) -> str:
    return bytes(value).hex() if isinstance(value, (bytes, memoryview)) else str(value)
