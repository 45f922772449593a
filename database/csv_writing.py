"""Tables written as CSV (RFC 4180) in UTF-8, row by row: to a file, packed or not, or as a stream."""

import csv
import gzip
import io
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from django.core.management import BaseCommand, CommandError
from django.core.management.base import CommandParser

from database.atomic_file import open_beside
from database.progress import show_progress

FORMULA = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""What makes a spreadsheet take a cell for a formula, wide letters included (OWASP, CSV injection), or hides that."""
TEXT_FORMULA = re.compile('="((?:[^"]|"")*)"')
"""How some write `00123` so that a spreadsheet keeps it: as a formula that is nothing but that text."""
BOM = "\ufeff"
STDOUT = Path("-")
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}


class Table(NamedTuple):
    """What is to be written: the names of its columns, its rows as they come, and what counts these, about."""

    header: Sequence[str]
    rows: Iterable[Sequence[object]]
    count_rows: Callable[[], int]


class Form(NamedTuple):
    """How it is written. `for_spreadsheet` adds the mark by which Excel knows UTF-8, and guards formulas."""

    for_spreadsheet: bool = False
    delimiter: str = ","


PLAIN = Form()


def write_csv(path: Path, table: Table, form: Form = PLAIN, *, quiet: bool = False) -> int:
    """Write a table to a file, or to standard output for `-`; how many rows there were.

    In bounded memory, with progress on a terminal. The file is whole or as it was before. Raises `OSError`.
    """
    count = 0
    with open_target(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        text.write(BOM if form.for_spreadsheet else "")
        writer = csv.writer(text, delimiter=form.delimiter)
        writer.writerow(table.header)
        # Nobody counts what nobody sees.
        total = table.count_rows() if sys.stderr.isatty() and not quiet else 0
        for row in show_progress(table.rows, total=total, what="Writing", quiet=quiet, unit=" rows"):
            writer.writerow(row)
            count += 1
        text.detach()
    return count


@contextmanager
def open_target(path: Path) -> Iterator[Any]:
    if path == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return

    with open_beside(path) as file:
        if path.suffix != ".gz":
            yield file
            return

        with gzip.GzipFile(path.stem, "wb", fileobj=file) as packed:
            yield packed


def stream_csv(table: Table, form: Form = PLAIN) -> Iterator[str]:
    """The text of a table in pieces of about 64 kB, for an answer that is sent as it is made."""
    buffer = io.StringIO(newline="")
    buffer.write(BOM if form.for_spreadsheet else "")
    writer = csv.writer(buffer, delimiter=form.delimiter)
    writer.writerow(table.header)
    for row in table.rows:
        writer.writerow(row)
        if buffer.tell() > 64 * 1024:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


# Formulas ---------------------------------------------------------------------------------------


def guard_formula(text: str) -> str:
    """A stranger's words as a cell that no spreadsheet runs: an apostrophe stands before a formula.

    It stands also before what begins with apostrophes and then a formula, so that `unguard_formula` is its inverse.
    """
    return f"'{text}" if FORMULA.match(text) else text


def guard_apostrophe(text: str) -> str:
    """Words that `unguard_formula` would change as a cell that it takes back; formulas stay as they are."""
    return guard_formula(text) if text.startswith("'") or TEXT_FORMULA.fullmatch(text) else text


def unguard_formula(cell: str) -> str:
    """The words of a cell that `guard_formula` made, or another shop's export; of `="00123"` those in the quotes."""
    if cell.startswith("'") and FORMULA.match(cell):
        return cell[1:]

    found = TEXT_FORMULA.fullmatch(cell)
    return found[1].replace('""', '"') if found else cell


# Commands ---------------------------------------------------------------------------------------


class ExportCommand(BaseCommand):
    """A command that writes the file of `export(form, **chosen)`, whose options beside those here are `chosen`."""

    export: Callable[..., Table]
    noun = "rows"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="its name; packed if it ends in .gz; - for standard output")
        parser.add_argument(
            "--spreadsheet",
            action="store_true",
            help="for Excel and the like: marked as UTF-8, and no cell is a formula; the import takes it back",
        )
        parser.add_argument(
            "--delimiter", choices=[*DELIMITERS], default="comma", help="what stands between cells (comma)"
        )

    def choose(self, options: dict[str, Any]) -> dict[str, Any]:
        """The arguments of `export` out of the command's own options."""
        return {}

    def handle(self, *args: Any, file: Path, verbosity: int, **options: Any) -> None:
        form = Form(options["spreadsheet"], DELIMITERS[options["delimiter"]])
        table = self.export(form, **self.choose(options))
        try:
            count = write_csv(file, table, form, quiet=verbosity == 0)
        except OSError as error:
            raise CommandError(f"The file cannot be written: {error}.") from error
        out = self.stderr if file == STDOUT else self.stdout
        out.write(f"{count:,} {self.noun} written.")
