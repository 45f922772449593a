"""Tables as files: CSV (RFC 4180) in UTF-8, gzip where the name ends in .gz."""

import csv
import gzip
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TextIO

from tqdm import tqdm

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet take a cell for a formula."""


def write_table(
    path: Path, header: Sequence[str], rows: Iterable[Sequence[object]], *, total: int, quiet: bool = False
) -> int:
    """Write rows as they come, in bounded memory, with progress on a terminal; how many there were.

    Raises `OSError`.
    """
    count = 0
    with open_text(path) as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for row in tqdm(rows, total=total, desc="Writing", unit=" rows", disable=quiet or None):
            writer.writerow(row)
            count += 1
    return count


def open_text(path: Path) -> TextIO:
    """A file to write text to, packed if its name says so."""
    if path.suffix == ".gz":
        return gzip.open(path, "wt", encoding="utf-8", newline="")

    return path.open("w", encoding="utf-8", newline="")


def defuse(text: str) -> str:
    """A stranger's words as a cell that no spreadsheet runs: an apostrophe stands before a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text
