"""`manage.py archive_events FOLDER`: old events out of the tables and into files."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from database import clock
from wire.commands import OneAtATime
from wire.events import AbstractEvent
from wire.retention.event_archive import Archived, NotTheSame, archive

LEAST = 30
"""Days that events stay at least: `reconcile --mend` looks back at eight."""


class Command(OneAtATime):
    """Safe to repeat and to be killed."""

    help = (
        "Move events that are older than EVENT_DAYS from the tables of this process's services into files of a folder, "
        "SERVICE-events-FIRST-LAST.jsonl.gz: one event a line, as JSON. Each file is written whole before any of its "
        "events is deleted. If it was cut off, run it again with the same folder."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, help="where the files go; it must be there")
        days = settings.KEPT["events"].days
        parser.add_argument("--days", type=int, default=days, help=f"the age from which on events are moved ({days})")

    def handle(self, *args: Any, folder: Path, days: int, **options: Any) -> None:
        if days < LEAST:
            raise CommandError(f"Events stay for {LEAST} days at least.")
        if not folder.is_dir():
            raise CommandError(f"{folder} is no folder.")

        before = clock.now() - timedelta(days=days)
        for model in find_models():
            service = model._meta.app_label
            count = 0
            for moved in self.move(model, folder, before):
                self.stdout.write(f"{service}: {moved.deleted:,} events moved to {moved.path}")
                count += moved.deleted
            if not count:
                self.stdout.write(f"{service}: nothing from before {before:%Y-%m-%d}")

    def move(self, model: type[AbstractEvent], folder: Path, before: Any) -> Iterator[Archived]:
        try:
            yield from archive(model, folder, before=before)
        except (NotTheSame, clock.ClockDiffers) as error:
            raise CommandError(str(error)) from error


def find_models() -> list[type[AbstractEvent]]:
    """The tables of events of the services that are here and not reading only."""
    here = {*settings.SERVICES} - {*settings.READ_ONLY}
    models = [model for model in apps.get_models() if issubclass(model, AbstractEvent)]
    return [model for model in models if model._meta.app_label in here]
