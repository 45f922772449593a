"""`manage.py export_person PERSON FILE`: what the services of this process hold of somebody, for them."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from database.atomic_file import open_beside
from wire.retention.personal_data import find_subs, write_export


class Command(BaseCommand):
    """Reads alone."""

    help = (
        "Write all that the services of this process hold of a person to a JSON file, which its owner alone may read. "
        "Run it at each service, since each has a database of its own; docs/personal-data.md says what is in it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("person", help="the id of a person (the `sub` of their tokens), or an e-mail address")
        parser.add_argument("file", type=Path, help="where it is written to; /dev/stdout prints it")

    def handle(self, *args: Any, person: str, file: Path, **options: Any) -> None:
        subs = find_subs(person)

        with open_beside(file, mode=0o600) as written:
            for part in write_export(subs):
                written.write(part)
        self.stderr.write(f"Written to {file}: {', '.join(sorted(subs))}.")
