"""Register a machine that logs in by itself, such as orders where it calls products."""

import os
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Client
from accounts.oauth import clients
from wire.events import Named

BY = Named("register_client")
SHORTEST = 32
"""Characters that a secret has, at least, if it is chosen by somebody else."""


class Command(BaseCommand):
    """The secret is shown once, or kept in a file that is the same on every run."""

    help = "Register a client for client credentials (RFC 6749 4.4)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("client_id", help="a slug, such as orders")
        parser.add_argument("--scope", default="", help="what it may carry, separated by spaces")
        parser.add_argument("--audience", default="", help="the services it may call, separated by spaces")
        parser.add_argument("--renew", action="store_true", help="give a client that there is another secret")
        parser.add_argument(
            "--secret-file", type=Path, help="take the secret from this file; a new one is made and kept there if not"
        )

    def handle(self, *args: Any, client_id: str, renew: bool, secret_file: Path | None, **options: Any) -> None:
        if renew:
            self.stdout.write(self.renew(client_id))
            return

        client = self.build_client(client_id, options)
        if secret_file:
            changed = clients.ensure_client(client, self.read_or_make_secret(secret_file), by=BY)
            self.stdout.write(f"{client_id}: {'registered' if changed else 'was registered already'}")
        else:
            self.stdout.write(self.register(client))

    def build_client(self, client_id: str, options: dict[str, Any]) -> Client:
        scopes, audience = options["scope"].split(), options["audience"].split()
        client = Client(client_id=client_id, name=client_id.capitalize(), scopes=scopes, audience=audience)
        try:
            client.clean_fields(exclude=["secret_hash", "status"])
        except ValidationError as error:
            said = [f"--{name}: {' '.join(texts)}" for name, texts in error.message_dict.items()]
            raise CommandError(" ".join(said).replace("--scopes", "--scope")) from error
        return client

    def renew(self, client_id: str) -> str:
        found = Client.objects.filter(pk=client_id).first()
        if not found:
            raise CommandError(f"There is no client {client_id}.")

        return clients.renew_secret(found, by=BY)

    def register(self, client: Client) -> str:
        if Client.objects.filter(pk=client.pk).exists():
            raise CommandError(f"{client} is registered already; --renew gives it another secret.")

        return clients.register_client(client, by=BY)

    def read_or_make_secret(self, path: Path) -> str:
        """The secret in a file, which is made if there is none, readable by its owner alone."""
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
                file.write(clients.new_secret())

        secret = path.read_text().strip()
        if len(secret) < SHORTEST:
            raise CommandError(f"{path} holds no secret of at least {SHORTEST} characters.")

        return secret
