"""`manage.py import_products FILE.csv`"""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError
from django.core.management.base import CommandParser

from database.csv_files import Unreadable
from products.csv_import import MAX_ON_HAND, Layout, Report, import_products
from wire.money import CURRENCIES

MAPPED = ("sku", "name", "price", "description", "category", "active")


class Command(BaseCommand):
    help = (
        "Create and change products from a CSV file, plain or gzip, with a header. The last good row of a sku "
        "wins; bad rows are skipped and listed. Columns have the names of the fields unless an option names them; "
        "sku, name and price must be there."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        for name in MAPPED:
            parser.add_argument(f"--{name}", metavar="COLUMN", help=f"the column that holds the {name}")
        parser.add_argument(
            "--currency", metavar="CODE|COLUMN", help="the currency of rows that name none (EUR), or the column of it"
        )
        parser.add_argument(
            "--on-hand",
            metavar="NUMBER|COLUMN",
            help="how many there are of each new product (0), or the column of it, which then corrects existing stock",
        )
        parser.add_argument("--encoding", default="utf-8-sig", help="the encoding of the file (UTF-8)")
        parser.add_argument("--dry-run", action="store_true", help="say what would happen, and write nothing")
        parser.add_argument("--strict", action="store_true", help="write nothing if any row is bad")

    def handle(self, *args: Any, **options: Any) -> None:
        if "products" in settings.READ_ONLY:
            raise CommandError("products only reads for now (READ_ONLY).")

        try:
            report = import_products(
                options["file"],
                read_layout(options),
                dry_run=options["dry_run"],
                strict=options["strict"],
                quiet=options["verbosity"] == 0,
            )
        except Unreadable as error:
            raise CommandError(str(error)) from error
        self.print_report(report)
        if options["strict"] and report.bad and not report.is_written:
            raise CommandError("Nothing was written, since there are bad rows.")

    def print_report(self, report: Report) -> None:
        for line, reason in report.bad:
            self.stdout.write(f"line {line}: {reason}")
        self.stdout.write(
            f"{report.rows:,} rows: {report.repeats:,} repeats, {len(report.bad):,} bad. "
            f"Products: {report.created:,} created, {report.changed:,} changed, {report.unchanged:,} unchanged"
            f"{'' if report.is_written else ', if it were written'}."
        )


def read_layout(options: dict[str, Any]) -> Layout:
    """How the file is to be read, as the options say."""
    columns = {name: options[name] for name in MAPPED if options[name]}
    currency, on_hand = options["currency"] or "", options["on_hand"] or "0"
    if currency and currency not in CURRENCIES:
        columns["currency"], currency = currency, ""
    if not (on_hand.isascii() and on_hand.isdecimal()):
        columns["on_hand"], on_hand = on_hand, "0"
    if int(on_hand[:20]) > MAX_ON_HAND:
        raise CommandError(f"--on-hand is at most {MAX_ON_HAND:,}.")
    return Layout(columns, currency, int(on_hand), options["encoding"])
