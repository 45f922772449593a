"""`manage.py after_restore`: what a restored database must forget, and what it must make good."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db.models import Model

from database import clock
from tokens.registry import by_calls, find_module
from wire.commands import OneAtATime

Repair = Callable[[], Iterable[str]]
WHAT = "restored"
BY = "after_restore"
CUT_OFF = timedelta(days=1)
"""How long after a run that was cut off another goes on where it ended."""


class Command(OneAtATime):
    """To be run once for each restored database, before its servers and workers start; see docs/back-up.md."""

    help = (
        "After a database was restored from a backup, and before its servers start: void the tokens of accounts, "
        "and list what products and orders have to compare. Says what it did. If it was cut off, run it again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--again", action="store_true", help="also where it has been run: the backup has that, too")

    def handle(self, *args: Any, again: bool, **options: Any) -> None:
        done = self.find_done(again)
        for service, repair in find_repairs():
            if service in done:
                self.stdout.write(f"{service}: done at {done[service]:%Y-%m-%d %H:%M} UTC, by the run that was cut off")
                continue
            for words in repair():
                self.stdout.write(f"{service}: {words}")
            event_of(service).objects.create(kind="database", subject=service, what=WHAT, sub=BY)

    def find_done(self, again: bool) -> dict[str, datetime]:
        """The services that a run which was cut off has done, and when.

        Raises `CommandError` for a service that only reads, or where this has been run to its end.
        """
        services = [service for service, _ in find_repairs()]
        for service in services:
            if service in settings.READ_ONLY:
                raise CommandError(f"READ_ONLY: {service} only reads for now.")
        done = {} if again else {service: at for service in services if (at := last_run(service))}
        lately = {service: at for service, at in done.items() if at > clock.now() - CUT_OFF}
        if done and len(lately) in (0, len(services)):
            service, at = next(iter(done.items()))
            raise CommandError(
                f"Nothing was done: {service} has been through this at {at:%Y-%m-%d %H:%M} UTC. "
                "If a backup of later than that was restored since, say --again."
            )

        return lately


def last_run(service: str) -> datetime | None:
    """When a service has been through this, as far as its database knows."""
    runs = event_of(service).objects.filter(kind="database", subject=service, what=WHAT)
    found: datetime | None = runs.order_by("id").values_list("at", flat=True).last()
    return found


def find_repairs() -> Iterator[tuple[str, Repair]]:
    """The services of this process that have something to do, each after those that it calls."""
    for service in by_calls():
        if service in settings.SERVICES and (module := find_module(service, "after_restore")):
            yield service, module.after_restore


def event_of(service: str) -> Any:
    """The model of a service's events."""
    model: type[Model] = apps.get_model(service, "Event")
    return model
