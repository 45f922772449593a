"""The base of commands that change something: one at a time, and not while their service only reads."""

from typing import Any, ClassVar

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from database import locks
from database.deadlines import lift_server_deadline

PATIENCE = 600.0
"""Seconds that a command waits for the same one elsewhere."""


class OneAtATime(BaseCommand):
    """A command that waits while the same one runs on the same database, and says so."""

    @property
    def name(self) -> str:
        return type(self).__module__.rpartition(".")[2]

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            with locks.hold_name(f"command {self.name}", patience=PATIENCE, tell=self.say_that_it_waits):
                lift_server_deadline()
                return super().execute(*args, **options)
        except locks.StillHeld as error:
            raise CommandError(f"Another {self.name} is still running; nothing was done.") from error

    def say_that_it_waits(self) -> None:
        self.stderr.write(f"Another {self.name} is running; this one waits for it.")


class ChangingCommand(OneAtATime):
    """As `OneAtATime`; changes the data of `service`."""

    service: ClassVar[str]

    def execute(self, *args: Any, **options: Any) -> str | None:
        if self.service in settings.READ_ONLY:
            raise CommandError(f"READ_ONLY: {self.service} only reads for now.")

        return super().execute(*args, **options)
