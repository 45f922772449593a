"""Django's server, for trying things out on this machine."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from whitenoise.runserver_nostatic.management.commands import runserver


class Command(runserver.Command):  # type: ignore[misc]
    """It bounds nothing, so in production it serves this machine alone."""

    def inner_run(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG and self.addr not in ("127.0.0.1", "localhost", "::1"):
            raise CommandError("With DEBUG off runserver listens on 127.0.0.1 alone: use python -m config.server.")

        super().inner_run(*args, **options)
