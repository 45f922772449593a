"""A key to encrypt tokens with."""

import secrets
from typing import Any

from django.core.management.base import BaseCommand

from tokens.encryption import KEY_BYTES, write_encryption_key


class Command(BaseCommand):
    """Prints a fresh key and stores it nowhere."""

    help = "Print a fresh JWT_ENCRYPTION_KEY; give it to every service."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(write_encryption_key(secrets.token_bytes(KEY_BYTES)))
