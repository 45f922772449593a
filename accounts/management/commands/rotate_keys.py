"""Rotate the key that signs tokens, ahead of its time or at once."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.issuing import keys
from accounts.issuing.key_derivation import Undecryptable
from wire.commands import ChangingCommand
from wire.events import Named


class Command(ChangingCommand):
    """Keys rotate by themselves every 90 days; this is for doing it sooner."""

    service = "accounts"
    help = "Announce the next signing key, which signs in a day; with --now, replace the key at once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--now", action="store_true", help="for a leak: every access token there is dies")

    def handle(self, *args: Any, now: bool, **options: Any) -> None:
        if keys.is_shared():
            raise CommandError("JWT_ALGORITHM is HS256: change JWT_SIGNING_KEY at every service instead.")

        by, announced = Named("rotate_keys"), keys.find_unretired(keys.unretired_keys())[1]
        try:
            key = keys.replace_keys(by=by) if now else keys.announce_next(by=by)
        except Undecryptable as error:
            raise CommandError(str(error)) from error
        at_once = "signs now; every token signed before is refused within 10 seconds."
        verb = "was announced already" if announced == key else "is announced"
        later = f"{verb} and signs from {key.signs_from:%Y-%m-%d %H:%M} UTC."
        self.stdout.write(f"{key.kid} ({key.algorithm}) {at_once if now else later}")
