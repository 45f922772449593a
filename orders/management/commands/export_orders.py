"""`manage.py export_orders FILE.csv`"""

from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.core.management.base import CommandParser

from orders.csv_export import export_orders


class Command(BaseCommand):
    """Write the orders to a CSV file."""

    help = (
        "Write every order to a CSV file, a row per line with what is known of its order, oldest first; "
        "gzip if its name ends in .gz."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, file: Path, verbosity: int, **options: Any) -> None:
        try:
            count = export_orders(file, quiet=verbosity == 0)
        except OSError as error:
            raise CommandError(f"The file cannot be written: {error}.") from error
        self.stdout.write(f"{count:,} lines written.")
