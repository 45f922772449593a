"""Old events, moved out of a service's table into files: written first, and deleted only as they stand there."""

import gzip
import re
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from django.db.models import Max, Min

from database import clock
from database.atomic_file import open_beside
from wire.events import STAYING, AbstractEvent
from wire.events import changing as rows

BATCH = 1_000
"""Events that are read, and deleted, at once."""
MOST = 100_000
"""Events of one file."""
NAME = re.compile(r"\w+-events-(\d+)-(\d+)\.jsonl\.gz")

FORGOTTEN: dict[str, Any] = {"facts": {}, "subject": "", "actor": ""}
"""The columns in which an event forgets (`wire.retention.forgetting`)."""

Row = dict[str, Any]


class NotTheSame(Exception):
    """A file in the folder holds other events than the table under the same numbers."""


class Archived(NamedTuple):
    """A file, and how many events were deleted that stand in it."""

    path: Path
    deleted: int


def archive(model: type[AbstractEvent], folder: Path, *, before: datetime) -> Iterator[Archived]:
    """Move the events of a service from before a time into files of a folder, as JSON lines, gzipped.

    Safe to be killed and to repeat: a file is whole or not there, and first of all what stands in the files that are
    there is deleted where that was cut off. Raises `NotTheSame`, `ClockDiffers` or `OSError`.
    """
    clock.check()
    for path in sorted(folder.glob(f"{model._meta.app_label}-events-*.jsonl.gz")):
        if is_left(model, path):
            moved = Archived(path, delete_written(model, path))
            note(model, moved)
            yield moved
    while written := write_file(model, folder, before):
        moved = Archived(written, delete_written(model, written))
        note(model, moved)
        yield moved


def note(model: type[AbstractEvent], moved: Archived) -> None:
    """Leave an event that says where the others are."""
    facts, service = {"file": moved.path.name, "count": moved.deleted}, model._meta.app_label
    rows(model).create(kind=STAYING, subject=service, what="events archived", sub="archive_events", facts=facts)


def is_left(model: type[AbstractEvent], path: Path) -> bool:
    """Whether events are in the table between the first and the last of a file."""
    named = NAME.fullmatch(path.name)
    if not named:
        return False

    return bool(rows(model).filter(pk__gte=int(named[1]), pk__lte=int(named[2])).exists())


# Writing ----------------------------------------------------------------------------------------


def write_file(model: type[AbstractEvent], folder: Path, before: datetime) -> Path | None:
    """Write the oldest events from before a time, at most `MOST`, into a file of their own; None if there are none."""
    old = rows(model).filter(at__lt=before).exclude(kind=STAYING)
    newest = old.order_by("-at", "-pk").first()
    if newest is None:
        return None

    # Bounded by its number as well, so that what is newer is never read. What is older and has a later one waits.
    old = old.filter(pk__lte=newest.pk).order_by("pk")
    ends = old[:MOST].aggregate(first=Min("pk"), last=Max("pk"))
    path = folder / f"{model._meta.app_label}-events-{ends['first']}-{ends['last']}.jsonl.gz"
    # It holds e-mail addresses and IP addresses.
    with open_beside(path, mode=0o600) as file, gzip.GzipFile("", "wb", fileobj=file) as packed:
        for row in read_rows(old.filter(pk__lte=ends["last"])):
            packed.write(write_row(row) + b"\n")
    return path


def read_rows(found: Any) -> Iterator[Row]:
    """Some events in the order of their numbers, in bounded memory and without one long statement."""
    batch = list(found.values()[:BATCH])
    while batch:
        yield from batch
        batch = list(found.filter(pk__gt=batch[-1]["id"]).values()[:BATCH])


def write_row(row: Row) -> bytes:
    return orjson.dumps(row, option=orjson.OPT_UTC_Z)


# Deleting ---------------------------------------------------------------------------------------


def delete_written(model: type[AbstractEvent], path: Path) -> int:
    """Delete the events that stand in a file, in batches; how many were left. Raises `NotTheSame`."""
    deleted = 0
    with gzip.open(path, "rb") as lines:
        while written := [orjson.loads(line) for line in islice(lines, BATCH)]:
            deleted += delete_batch(model, written, path)
    return deleted


def delete_batch(model: type[AbstractEvent], written: list[Row], path: Path) -> int:
    by_id = {row["id"]: row for row in written}
    left = rows(model).filter(pk__in=[*by_id])
    for row in left.values():
        stored, found = orjson.loads(write_row(row)), by_id[row["id"]]
        # A file that the release before left may lack a column; and the event may have forgotten since.
        if {**found, **FORGOTTEN} != {name: stored[name] for name in found} | FORGOTTEN:
            raise NotTheSame(f"{path} holds another event {row['id']} than the database: is it of another shop?")
    deleted: int = left.delete()[0]
    return deleted
