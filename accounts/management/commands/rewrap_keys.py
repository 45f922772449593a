"""Encrypt what is stored under a former SECRET_KEY under the present one."""

from typing import Any

from django.core.management.base import CommandError

from accounts.factors import totp
from accounts.issuing import keys
from accounts.issuing.key_derivation import Undecryptable
from wire.commands import ChangingCommand


class Command(ChangingCommand):
    """For a rotation of SECRET_KEY, once every process has the new one; safe to repeat."""

    service = "accounts"
    help = "Encrypt signing keys and secrets of apps under SECRET_KEY, so that no fallback is needed for them."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            moved, secrets = keys.rewrap_keys(), totp.rewrap_secrets()
        except Undecryptable as error:
            raise CommandError(str(error)) from error
        done = f"{moved} keys were moved to the present SECRET_KEY; none is under another now."
        self.stdout.write(done if moved else "Nothing to change: no key is under another SECRET_KEY.")
        if secrets:
            self.stdout.write(f"{secrets} secrets of authenticator apps were moved, too.")
