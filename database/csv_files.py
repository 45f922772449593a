"""Tables as files: CSV (RFC 4180) in UTF-8, gzip where the name ends in .gz."""

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from django.core.management import BaseCommand, CommandError
from django.core.management.base import CommandParser
from tqdm import tqdm

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet take a cell for a formula."""

MAX_UNPACKED = 256 * 1024 * 1024
"""Bytes that are read from a file, counted as they are unpacked: a million products have about 200 MB."""
MAX_ROW = 128 * 1024
"""Characters of a row, over all its lines, and so of a cell."""


class Unreadable(Exception):
    """The file as a whole cannot be taken; the message says why."""


# Writing ----------------------------------------------------------------------------------------


def write_csv(
    path: Path, header: Sequence[str], rows: Iterable[Sequence[object]], *, total: int, quiet: bool = False
) -> int:
    """Write rows as they come, in bounded memory, with progress on a terminal; how many there were.

    Raises `OSError`.
    """
    count = 0
    opener: Any = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wt", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for row in tqdm(rows, total=total, desc="Writing", unit=" rows", disable=quiet or None):
            writer.writerow(row)
            count += 1
    return count


def escape_formula(text: str) -> str:
    """A stranger's words as a cell that no spreadsheet runs: an apostrophe stands before a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


class ExportCommand(BaseCommand):
    """A command that writes a file by `export(file, quiet=...)`, which answers how many rows of what there were."""

    export: Callable[..., int]
    noun = "rows"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, file: Path, verbosity: int, **options: Any) -> None:
        try:
            count = self.export(file, quiet=verbosity == 0)
        except OSError as error:
            raise CommandError(f"The file cannot be written: {error}.") from error
        self.stdout.write(f"{count:,} {self.noun} written.")


# Reading ----------------------------------------------------------------------------------------


def read_csv(path: Path, *, encoding: str, quiet: bool) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not empty, with the line it begins on, unpacked if it is gzip, whatever its name.

    Raises `Unreadable`, also midway.
    """
    try:
        with (
            path.open("rb") as file,
            tqdm(total=path.stat().st_size, desc="Reading", unit="B", unit_scale=True, disable=quiet or None) as bar,
        ):
            for row in parse_rows(decode(file, encoding)):
                bar.update(file.tell() - bar.n)
                yield row
    except UnicodeError as error:
        raise Unreadable(f"The file is not {encoding.removesuffix('-sig')} text: {error}.") from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise Unreadable(f"The gzip file is damaged: {error}.") from error
    except OSError as error:
        raise Unreadable(f"The file cannot be read: {error}.") from error


def parse_rows(text: TextIO) -> Iterator[tuple[int, list[str]]]:
    lines = BoundedLines(text)
    reader = csv.reader(lines, strict=True)
    line = 1
    try:
        for cells in reader:
            lines.row = 0
            if cells:
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise Unreadable(f"Line {line} is not CSV: {error}.") from error


class BoundedLines:
    """The lines of a text. Who reads them sets `row` back to 0 where a row ends; raises `csv.Error`."""

    def __init__(self, text: TextIO) -> None:
        self.text = text
        self.row = 0

    def __iter__(self) -> Iterator[str]:
        while line := self.text.readline(MAX_ROW + 1):
            self.row += len(line)
            if self.row > MAX_ROW:
                raise csv.Error(f"a row has more than {MAX_ROW:,} characters")
            yield line


class BoundedFile(io.RawIOBase):
    """The bytes of a file, unpacked; raises `Unreadable` after too many."""

    def __init__(self, raw: Any) -> None:
        self.raw = raw
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count: int = self.raw.readinto(buffer)
        self.count += count
        if self.count > MAX_UNPACKED:
            raise Unreadable(f"The file has more than {MAX_UNPACKED:,} bytes, unpacked; split it.")
        return count


def decode(file: BinaryIO, encoding: str) -> TextIO:
    is_gzip = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    raw: Any = gzip.GzipFile(fileobj=file) if is_gzip else file
    try:
        return io.TextIOWrapper(io.BufferedReader(BoundedFile(raw)), encoding=encoding, newline="")
    except LookupError as error:
        raise Unreadable(f"{encoding} is no encoding.") from error
