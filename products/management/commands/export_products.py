"""`manage.py export_products FILE.csv`"""

from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.core.management.base import CommandParser

from products.csv_export import export_products


class Command(BaseCommand):
    """Write the catalogue to a CSV file."""

    help = (
        "Write every product with its stock on hand to a CSV file, gzip if its name ends in .gz. "
        "import_products takes it without options, and changes nothing then."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, file: Path, verbosity: int, **options: Any) -> None:
        try:
            count = export_products(file, quiet=verbosity == 0)
        except OSError as error:
            raise CommandError(f"The file cannot be written: {error}.") from error
        self.stdout.write(f"{count:,} products written.")
