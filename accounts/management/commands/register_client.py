"""Register a machine that logs in by itself, as orders where it calls products, or an app that people log in to."""

import json
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from accounts.models import Client
from accounts.oauth import clients
from wire.commands import ChangingCommand
from wire.events import Named
from wire.secret_files import BadSecretFile, keep_secret

BY = Named("register_client")
OPTIONS = {
    "name": "--name",
    "scopes": "--scope",
    "audience": "--audience",
    "redirect_uris": "--redirect-uri",
    "logout_uris": "--logout-uri",
    "app_scopes": "--app-scope",
    "is_public": "--public",
    "is_first_party": "--first-party",
    "jwks": "--jwks",
    "logo_text": "--logo-text",
}
"""The columns that may be said, and how."""


class Command(ChangingCommand):
    """The secret is shown once, or kept in a file that is the same on every run."""

    service = "accounts"
    help = (
        "Register a client: a machine with --scope and --audience (RFC 6749 4.4), a service that only exchanges the "
        "tokens of people with --audience alone (RFC 8693), an app with --redirect-uri and --app-scope (RFC 6749 4.1). "
        "With --secret-file, or without a secret, it may be repeated: what is said then applies, what is left out "
        "stays as it is, and it tells what changed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("client_id", help="a slug, such as orders")
        parser.add_argument("--name", help="what people call it")
        parser.add_argument("--scope", help="what it may do by itself, separated by spaces")
        parser.add_argument("--audience", help="the services it may call by itself, separated by spaces")
        add_app_arguments(parser)
        parser.add_argument("--renew", action="store_true", help="give a client that there is another secret")
        parser.add_argument(
            "--overlap", action="store_true", help="with --renew: the secret before works for a week beside the new one"
        )
        parser.add_argument(
            "--secret-file", type=Path, help="take the secret from this file; a new one is made and kept there if not"
        )

    def handle(self, *args: Any, client_id: str, renew: bool, secret_file: Path | None, **options: Any) -> None:
        said = read_fields(options)
        if renew and (said or secret_file):
            raise CommandError("--renew makes and shows another secret, and is said alone, or with --overlap.")

        if renew:
            self.stdout.write(self.renew(client_id, overlap=options["overlap"]))
        elif secret_file or Client.objects.filter(pk=client_id, secret_hash="").exists():
            self.ensure(build_client(client_id, said), secret_file, said)
        else:
            self.stdout.write(self.register(build_client(client_id, said)))

    def renew(self, client_id: str, *, overlap: bool) -> str:
        found = Client.objects.filter(pk=client_id).first()
        if not found:
            raise CommandError(f"There is no client {client_id}.")
        if found.is_public:
            raise CommandError(f"{client_id} is public, and has no secret.")

        return clients.add_secret(found, by=BY) if overlap else clients.renew_secret(found, by=BY)

    def register(self, client: Client) -> str:
        if Client.objects.filter(pk=client.pk).exists():
            raise CommandError(
                f"{client} is registered already, and nothing was changed; --renew gives it another secret, "
                "and with --secret-file what else is said applies."
            )

        try:
            secret = clients.register_client(client, by=BY)
        except ValidationError as error:
            raise CommandError(describe(error)) from error
        how = "is public, and" if client.is_public else "proves who it is by its keys, and"
        return secret or f"{client} is registered; it {how} has no secret."

    def ensure(self, client: Client, path: Path | None, said: dict[str, Any]) -> None:
        """Make a client as it was said; one that has no secret needs no file to be said again."""
        if path and (client.is_public or Client.objects.filter(pk=client.pk, is_public=True).exists()):
            raise CommandError(f"--secret-file: {client} is public, and has no secret.")

        try:
            changes = clients.ensure_client(client, keep_secret(path) if path else "", fields=list(said), by=BY)
        except ValidationError as error:
            raise CommandError(describe(error)) from error
        except BadSecretFile as error:
            raise CommandError(str(error)) from error
        except clients.SecretTaken as error:
            raise CommandError(f"{path}: {error}") from error
        self.stdout.write(f"{client}: {'; '.join(changes) or 'nothing to change'}")
        if not Client.objects.get(pk=client.pk).is_active:
            self.stderr.write(f"{client} is switched off, and stays so until somebody switches it on in the admin.")


def read_fields(options: dict[str, Any]) -> dict[str, Any]:
    """What was said of a client, by column."""
    said = {
        "name": options["name"],
        "scopes": split(options["scope"]),
        "audience": split(options["audience"]),
        "redirect_uris": write_lines(options["redirect_uri"]),
        "logout_uris": write_lines(options["logout_uri"]),
        "app_scopes": split(options["app_scope"]),
        "is_public": options["public"],
        "is_first_party": options["first_party"],
        "jwks": read_keys(options["jwks"]),
        "logo_text": options["logo_text"],
    }
    return {name: value for name, value in said.items() if value is not None}


def add_app_arguments(parser: CommandParser) -> None:
    """What is said of an app."""
    parser.add_argument("--redirect-uri", help="where people come back to from the log-in, separated by spaces")
    parser.add_argument("--logout-uri", help="where they may go on to from the log-out, separated by spaces")
    parser.add_argument("--app-scope", help="what it may ask people for, separated by spaces")
    for name, words in (
        ("--public", "it cannot keep a secret, and has none"),
        ("--first-party", "it is the shop's own: nobody is asked whether it may"),
    ):
        parser.add_argument(name, action="store_const", const=True, help=words)
    parser.add_argument(
        "--jwks",
        type=Path,
        help="a file with the JWK set of the keys that it signs with; it gets a secret as well only by --secret-file "
        "or --renew",
    )
    parser.add_argument("--logo-text", help="up to four letters that stand for it")


def write_lines(words: str | None) -> str | None:
    """Each word on a line of its own."""
    return None if words is None else "\n".join(words.split())


def read_keys(path: Path | None) -> Any:
    try:
        return json.loads(path.read_bytes()) if path else None
    except (OSError, ValueError, RecursionError) as error:
        raise CommandError(f"--jwks: {error}") from error


def split(words: str | None) -> list[str] | None:
    """Each word once, in the order of the alphabet."""
    return None if words is None else sorted({*words.split()})


def build_client(client_id: str, said: dict[str, Any]) -> Client:
    """A client as it was said; raises `CommandError`."""
    client = Client(client_id=client_id, **{"name": client_id.capitalize(), **said})
    # A client that is there keeps what is left out.
    left_out = {*OPTIONS} - {*said} if Client.objects.filter(pk=client_id).exists() else set()
    # An app need do nothing by itself.
    left_out |= {"scopes", "audience"} - {*said} if client.is_app else set()
    # A service that only exchanges the tokens of people (RFC 8693) has no scopes of its own.
    left_out |= {"scopes"} if client.audience and not client.scopes else set()
    try:
        client.clean_fields(exclude={"secret_hash", "status", *left_out})
    except ValidationError as error:
        raise CommandError(describe(error)) from error

    return client


def describe(error: ValidationError) -> str:
    return " ".join(f"{OPTIONS.get(name, name)}: {' '.join(texts)}" for name, texts in error.message_dict.items())
