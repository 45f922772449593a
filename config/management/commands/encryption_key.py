"""A key to encrypt tokens with."""

import secrets
from typing import Any

from django.core.management.base import BaseCommand

from tokens.encryption import KEY_BYTES
from tokens.jws import encode_base64url


class Command(BaseCommand):
    """Prints a fresh key and stores it nowhere."""

    help = "Print a fresh JWT_ENCRYPTION_KEY; give it to every service."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(encode_base64url(secrets.token_bytes(KEY_BYTES)))
