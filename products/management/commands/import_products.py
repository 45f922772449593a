"""`manage.py import_products FILE.csv`"""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from database.csv_reading import Unreadable
from database.csv_writing import DELIMITERS
from products.csv_files.importing import Import, OnExisting, import_products
from products.csv_files.presets import PRESETS
from products.csv_files.reports import describe, describe_bad, describe_stock
from products.csv_files.rows import MAX_ON_HAND, Layout
from wire.commands import ChangingCommand
from wire.money import CURRENCIES

MAPPED = ("sku", "name", "price", "description", "category", "active")
BAD_ROWS = 2
"""The exit code where a row was bad."""


class Command(ChangingCommand):
    service = "products"
    help = (
        "Create and change products from a CSV file, plain or gzip, with a header. The last good row of a sku "
        "wins; bad rows are skipped and listed, and make the exit code 2. Columns have the names of the fields, in "
        "any case, unless an option names them; sku, name and price must be there."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--preset", choices=[*PRESETS], help="the shop that wrote the file")
        for name in MAPPED:
            parser.add_argument(f"--{name}", metavar="COLUMN", help=f"the column that holds the {name}")
        parser.add_argument(
            "--currency", metavar="CODE|COLUMN", help="the currency of rows that name none (EUR), or the column of it"
        )
        parser.add_argument(
            "--on-hand",
            action="append",
            metavar="NUMBER|COLUMN",
            help="how many there are of each new product (0), or the column of it; may be given once for each",
        )
        parser.add_argument(
            "--stock",
            choices=OnExisting.values,
            default=OnExisting.KEEP,
            help="what a number on hand does to products that are there: nothing (keep), replace theirs or add to it",
        )
        parser.add_argument("--decimal", choices=[".", ","], default="", help="the sign before decimals")
        parser.add_argument(
            "--delimiter", metavar="SIGN", help="what stands between cells, as a sign or a name (found out)"
        )
        parser.add_argument("--encoding", default="", help="the encoding of the file (found out)")
        parser.add_argument("--dry-run", action="store_true", help="say what would happen, and write nothing")
        parser.add_argument("--strict", action="store_true", help="write nothing if any row is bad")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report = import_products(read_task(options))
        except Unreadable as error:
            raise CommandError(str(error)) from error
        for line in (*describe_bad(report), *describe_stock(report), *describe(report)):
            self.stdout.write(line)
        if report.bad_count:
            skipped = "Nothing was written, since there are" if options["strict"] else "There are"
            raise CommandError(f"{skipped} bad rows.", returncode=BAD_ROWS)


def read_task(options: dict[str, Any]) -> Import:
    chosen = {name: options[name] for name in ("strict", "dry_run")}
    return Import(
        options["file"],
        read_layout(options),
        on_existing=options["stock"],
        quiet=options["verbosity"] == 0,
        **chosen,
    )


def read_layout(options: dict[str, Any]) -> Layout:
    """How the file is to be read, as the options say."""
    columns = {name: options[name] for name in MAPPED if options[name]}
    currency = options["currency"] or ""
    if currency and currency.upper() not in CURRENCIES:
        columns["currency"], currency = currency, ""
    said = options["on_hand"] or []
    on_hand = [said] if isinstance(said, str) else said
    columns |= {"on_hand": name for name in on_hand if not is_number(name)}  # noqa: B035 - one at most
    return Layout(
        columns,
        options["preset"] or "",
        currency.upper(),
        read_on_hand(on_hand),
        options["decimal"],
        options["encoding"],
        read_delimiter(options["delimiter"] or ""),
    )


def is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def read_on_hand(given: list[str]) -> int | None:
    """The number among what was said to be on hand, if there is one."""
    numbers = [int(text[:20]) for text in given if is_number(text)]
    if len(numbers) > 1 or len(given) > 2 or len(given) - len(numbers) > 1:
        raise CommandError("--on-hand is given at most once with a column and once with a number.")
    if numbers and numbers[0] > MAX_ON_HAND:
        raise CommandError(f"--on-hand is at most {MAX_ON_HAND:,}.")

    return numbers[0] if numbers else None


def read_delimiter(text: str) -> str:
    sign = DELIMITERS.get(text.lower(), "\t" if text == "\\t" else text)
    if len(sign) > 1 or sign in ('"', "\n", "\r"):
        raise CommandError(f"--delimiter is one sign or a name: {', '.join(DELIMITERS)}.")

    return sign
