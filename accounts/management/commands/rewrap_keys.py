"""Encrypt what is stored under a former SECRET_KEY under the present one."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts.issuing import keys
from accounts.issuing.key_derivation import Undecryptable


class Command(BaseCommand):
    """For a rotation of SECRET_KEY, once every process has the new one; safe to repeat."""

    help = "Encrypt the stored signing keys under SECRET_KEY, so that SECRET_KEY_FALLBACKS is not needed for them."

    def handle(self, *args: Any, **options: Any) -> None:
        if "accounts" in settings.READ_ONLY:
            raise CommandError("READ_ONLY: accounts only reads for now.")

        try:
            moved = keys.rewrap_keys()
        except Undecryptable as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{moved} keys were moved to the present SECRET_KEY; none is under another now.")
