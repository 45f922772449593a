"""Take e-mail addresses for confirmed that the shop knew before it asked for that."""

from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.models import User
from accounts.people import email_addresses
from wire import text
from wire.commands import ChangingCommand
from wire.events import Named

BY = Named("verify_email")


class Command(ChangingCommand):
    """Safe to repeat: who has a confirmed address keeps it as it is."""

    service = "accounts"
    help = "Take e-mail addresses for confirmed: those that are named, or all of people who registered before a day."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("addresses", nargs="*", help="e-mail addresses of users")
        parser.add_argument("--created-before", help="a day in UTC, such as 2026-05-04, or a time with its zone")

    def handle(self, *args: Any, addresses: list[str], created_before: str | None, **options: Any) -> None:
        if bool(addresses) == bool(created_before):
            raise CommandError("Name addresses, or a day by --created-before; not both.")

        found = User.objects.filter(created_at__lt=read_time(created_before)) if created_before else find(addresses)
        done = email_addresses.take_for_confirmed(found, by=BY)
        self.stdout.write(f"{done} {'address' if done == 1 else 'addresses'} taken for confirmed.")


def read_time(written: str) -> datetime:
    """A day or a time, in UTC unless it says otherwise; raises `CommandError`."""
    try:
        read = datetime.fromisoformat(written)
    except ValueError as error:
        raise CommandError(f"--created-before takes a day such as 2026-05-04, not {written}.") from error

    return read if read.tzinfo else read.replace(tzinfo=UTC)


def find(addresses: list[str]) -> Any:
    """The users with some addresses; raises `CommandError` if one is nobody's."""
    wanted = {text.email(address): address for address in addresses}
    found = User.objects.filter(email__in=wanted)
    if missing := {*wanted} - {*found.values_list("email", flat=True)}:
        raise CommandError(f"Nobody has {', '.join(wanted[email] for email in sorted(missing))}; nothing was done.")

    return found
