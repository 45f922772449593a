"""`manage.py erase_person PERSON`: the services of this process forget somebody."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from wire.commands import OneAtATime
from wire.retention.personal_data import CannotErase, find_subs, hooks


class Command(OneAtATime):
    """Safe to repeat and to be killed."""

    help = (
        "Delete a person's account and what else tells of them, but what law has a shop keep, and say what was done. "
        "Run it at each service, since each has a database of its own; docs/personal-data.md says what stays."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("person", help="the id of a person (the `sub` of their tokens), or an e-mail address")
        parser.add_argument("--yes", action="store_true", help="do it: nothing brings it back")

    def handle(self, *args: Any, person: str, yes: bool, **options: Any) -> None:
        reading = sorted({*settings.READ_ONLY} & {*hooks()})
        if reading:
            raise CommandError(f"READ_ONLY: {', '.join(reading)} only reads for now.")

        subs = sorted(find_subs(person))
        if not yes:
            raise CommandError(f"Nothing was done. This would erase {', '.join(subs)} for good: say --yes.")

        for sub in subs:
            self.erase(sub)

    def erase(self, sub: str) -> None:
        # Accounts, which all others call, is the last: whoever was named by an address is found until the end.
        for service, hook in reversed(hooks().items()):
            try:
                for words in hook.erase(sub):
                    self.stdout.write(f"{service}: {sub}: {words}")
            except CannotErase as error:
                raise CommandError(f"{service}: {error}") from error
