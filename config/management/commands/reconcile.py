"""`manage.py reconcile`: whether the books of this process's services agree."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from tokens.registry import find_module

Check = Callable[[], Iterator[str]]


class Command(BaseCommand):
    help = (
        "Compare the counters of stock with the ledger and with what is held, and what is held with the orders: "
        "each service its own part. Says what differs, and then exits with 1. Safe while the shop runs."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--mend", action="store_true", help="first put right what can be, and name what cannot")

        parser.add_argument("--release", metavar="ORDER", type=UUID, help="let go of what is held for an unknown order")

    def handle(self, *args: Any, mend: bool, release: UUID | None, **options: Any) -> None:
        for service, mending in find_mending() if mend or release else []:
            for words in [mending.release_unknown(release)] if release else mending.mend():
                self.stdout.write(f"{service}: {words}")
        counts = [self.report(service, check) for service, check in find_checks()]
        if any(counts):
            raise CommandError(f"{sum(counts)} differences.")

    def report(self, service: str, check: Check) -> int:
        """Say what differs in a service; how much it is."""
        count = 0
        for words in check():
            self.stdout.write(f"{service}: {words}")
            count += 1
        if not count:
            self.stdout.write(f"{service}: nothing differs")
        return count


def find_checks() -> Iterator[tuple[str, Check]]:
    """The services of this process that have something to compare."""
    for service in settings.SERVICES:
        if reconciliation := find_module(service, "reconciliation"):
            yield service, reconciliation.find_drift


def find_mending() -> Iterator[tuple[str, Any]]:
    """The services of this process that can put something right; raises `CommandError` for one that only reads."""
    for service in settings.SERVICES:
        if mending := find_module(service, "mending"):
            if service in settings.READ_ONLY:
                raise CommandError(f"READ_ONLY: {service} only reads for now.")
            yield service, mending
