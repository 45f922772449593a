"""Tables read from CSV (RFC 4180) of any encoding and delimiter, packed or not, in bounded memory."""

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TextIO

from charset_normalizer import from_bytes

from database.csv_writing import BOM, DELIMITERS, unguard_formula
from database.progress import show_progress

MAX_UNPACKED = 256 * 1024 * 1024
"""Bytes that are read from a file, counted as they are unpacked: a million products have about 200 MB."""
MAX_ROWS = 3_000_000
"""Rows of a file, empty ones too."""
MAX_ROW = 128 * 1024
"""Characters of a row, over all its lines, and so of a cell."""
CHUNK = 64 * 1024
MAX_SAMPLE = 32 * 1024
"""Bytes by which an encoding is guessed that is not UTF-8."""
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""How a file begins that says its encoding; the longer before those that they begin with."""
OTHER_FILES = {
    b"PK\x03\x04": "a workbook (.xlsx, .ods) or a zip archive",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "a workbook (.xls)",
    b"%PDF-": "a PDF",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF87a": "a picture",
    b"GIF89a": "a picture",
    b"BZh91AY&SY": "a bzip2 archive (gzip is taken)",
    b"\xfd7zXZ": "an xz archive (gzip is taken)",
    b"\x28\xb5\x2f\xfd": "a zstd archive (gzip is taken)",
    b"7z\xbc\xaf": "a 7-Zip archive (gzip is taken)",
    b"\x1f\x8b": "packed twice",
    b"SQLite format 3\0": "a database",
}
"""How files begin that are sent in place of a CSV file by mistake."""
NO_CHARSETS = {"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape"}
"""Codecs that are no encodings of files: they read other text than stands there, or take very long."""
LIKELY = [
    *("cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "cp874"),
    *("cp932", "euc_jp", "gb18030", "big5", "cp949", "koi8_r", "koi8_u", "cp850", "cp852", "cp866"),
    *("iso8859_2", "mac_roman"),
]
"""Encodings that spreadsheets and shops write, and that have letters of ASCII where it has them."""
IN_WORD = re.compile(r"[^\x00-\x7f][a-z]|\ufffd")
"""A sign that stands for a letter in some other encoding, as `£` does in `£yżka` and not in `£5`."""
HINT = re.compile(r'"?sep=([\t -!#-~])"?\s*$', re.IGNORECASE)
"""A line that some write for Excel before the header; no quotation mark and no line break is a delimiter."""
MAX_EMPTY = 1_000
"""Empty lines before the header, at most."""
LETTERS = re.compile(r"[^\s,;|\"]*[^\x00-\x7f][^\s,;|\"]*")
"""A word that would read otherwise in another encoding."""
NEARLY = 0.05
"""How much more mess (of 1) Western European letters may make than another reading and still be the likelier."""
NEVER_CLOSED = "Line {} opens a quotation mark that is never closed."


class Unreadable(Exception):
    """The file as a whole cannot be taken; the message says why."""


class BadRow(NamedTuple):
    """A row that is skipped, by the line it begins on."""

    line: int
    reason: str


class Row(NamedTuple):
    """The cells of a row, by the line it begins on."""

    line: int
    cells: list[str]


@dataclass
class Dialect:
    """How a file is written: what is left empty is found out, and then stands here.

    `is_guessed` says whether the encoding is nothing but likely; `sample` is then a piece of the text as it was read.
    """

    encoding: str = ""
    delimiter: str = ""
    is_guessed: bool = field(default=False, init=False)
    sample: str = field(default="", init=False)

    def __str__(self) -> str:
        names = {sign: name for name, sign in DELIMITERS.items()}
        encoding = self.encoding.removesuffix("-sig").upper().replace("CP", "cp")
        likely = f' (guessed: it has "{self.sample}")' if self.is_guessed else ""
        return f"{encoding}{likely}, cells separated by {names.get(self.delimiter, repr(self.delimiter))}"


def read_csv(path: Path, dialect: Dialect, *, quiet: bool = False) -> Iterator[Row | BadRow]:
    """Each row that is not empty, the header first. A row that is too long or badly quoted is a `BadRow`.

    Finds out what `dialect` leaves open, before the first row. Raises `Unreadable`, also midway.
    """
    with say_why(dialect), path.open("rb") as file:
        dialect.encoding = dialect.encoding or find_encoding(file, dialect)
        dialect.delimiter = dialect.delimiter or find_delimiter(decode(file, dialect.encoding))
        size = path.stat().st_size
        with show_progress(total=size, what="Reading", quiet=quiet, unit="B", unit_scale=True) as bar:
            for row in parse_rows(decode(file, dialect.encoding), dialect.delimiter):
                bar.update(file.tell() - bar.n)
                yield row


@contextmanager
def say_why(dialect: Dialect) -> Iterator[None]:
    """Raise `Unreadable` for whatever may be wrong with a file."""
    try:
        yield
    except UnicodeError as error:
        raise Unreadable(f"The file is not {dialect.encoding.removesuffix('-sig')} text: {error}.") from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise Unreadable(f"The gzip file is damaged: {error}.") from error
    except OSError as error:
        raise Unreadable(f"The file cannot be read: {error.strerror or error}.") from error


# Dialects ---------------------------------------------------------------------------------------


def find_encoding(file: BinaryIO, dialect: Dialect) -> str:
    """The encoding that a file says by how it begins; else UTF-8 if all of it is, else the likeliest."""
    raw = unpack(file)
    start = raw.peek(CHUNK)[:CHUNK]
    refuse_other_files(start)
    for mark, encoding in MARKS.items():
        if start.startswith(mark):
            return encoding
    for first, encoding in enumerate(("utf-16-be", "utf-16-le")):
        if start[first::2].count(0) > len(start) // 4:
            return encoding

    foreign = find_foreign(raw)
    return guess_encoding(foreign, dialect) if foreign else "utf-8"


def refuse_other_files(start: bytes) -> None:
    """Raise `Unreadable` for what begins as other kinds of files do."""
    kind = next((kind for begin, kind in OTHER_FILES.items() if start.startswith(begin)), "")
    if kind:
        raise Unreadable(f"This is {kind}, and no CSV. A spreadsheet saves as CSV.")


def find_foreign(raw: io.BufferedReader) -> bytes:
    """The first lines that are not ASCII, if not all of the file is UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    part = b""
    try:
        while part := raw.read(CHUNK):
            decoder.decode(part)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        lines = (part + raw.read(CHUNK)).splitlines()
        return b"\n".join(line[:1_000] for line in lines if not line.isascii())[:MAX_SAMPLE] or part[-100:]

    return b""


def guess_encoding(sample: bytes, dialect: Dialect) -> str:
    """The likeliest encoding: Western European, unless another reading makes clearly less mess."""
    encoding = tell_alphabets_apart(sample) if has_letters(sample.decode("cp1252", errors="replace")) else "cp1252"
    words = LETTERS.findall(sample.decode(encoding, errors="replace"))
    dialect.is_guessed, dialect.sample = True, " ".join(word[:30] for word in dict.fromkeys(words[:3]))
    return encoding


def has_letters(western: str) -> bool:
    """Whether there are letters beyond ASCII in a text that was read as Western European, and not only signs."""
    return any(letter.isalpha() and not letter.isascii() for letter in western) or bool(IN_WORD.search(western))


def tell_alphabets_apart(sample: bytes) -> str:
    matches = from_bytes(sample, cp_isolation=LIKELY)
    best = matches.best()
    western = [match for match in matches if "cp1252" in match.could_be_from_charset]
    is_western = best is None or any(match.chaos <= best.chaos + NEARLY for match in western)
    return "cp1252" if best is None or is_western else best.encoding


def find_delimiter(text: TextIO) -> str:
    """What stands between the cells of the header: what makes the most of them."""
    for _ in range(MAX_EMPTY):
        line = text.readline(MAX_ROW).lstrip(BOM)
        hint = HINT.match(line)
        if hint:
            return hint[1]
        if not line or line.strip(" \r\n\t,;|"):
            break
    return max(DELIMITERS.values(), key=lambda delimiter: count_cells(line, delimiter))


def count_cells(line: str, delimiter: str) -> int:
    try:
        return len(next(csv.reader([line], delimiter=delimiter), []))
    except csv.Error:
        return 0


# Rows -------------------------------------------------------------------------------------------


def parse_rows(text: TextIO, delimiter: str) -> Iterator[Row | BadRow]:
    lines = BoundedLines(text)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    for _ in range(MAX_ROWS):
        first = lines.count + 1
        lines.begin_row()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except TooLong:
            lines.skip_row(first)
            yield BadRow(first, f"it has more than {MAX_ROW:,} characters")
        except csv.Error as error:
            if lines.is_at_end:
                raise Unreadable(NEVER_CLOSED.format(first)) from error
            yield BadRow(first, f"it is not CSV: {error}")
        else:
            if any(cell.strip() for cell in cells) and not (first == 1 and is_excel_hint(cells)):
                yield Row(first, [unguard_formula(cell.strip()) for cell in cells])
    raise Unreadable(f"The file has more than {MAX_ROWS:,} rows; split it.")


def is_excel_hint(cells: Sequence[str]) -> bool:
    """Whether these are the cells of a line such as `sep=;`, which some write for Excel before the header."""
    return cells[0].lower().startswith("sep=") and not any(cells[1:])


class TooLong(Exception):
    """A row has more characters than are kept."""


class BoundedLines:
    """The lines of a text, of which no row has more than `MAX_ROW` characters; raises `TooLong`."""

    def __init__(self, text: TextIO) -> None:
        self.text = text
        self.count = self.length = self.quotes = 0
        self.is_at_start, self.is_at_end, self.ends_line = True, False, False

    def begin_row(self) -> None:
        self.length = self.quotes = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self.read()
        if not line:
            raise StopIteration
        if self.length > MAX_ROW:
            raise TooLong

        return line

    def read(self) -> str:
        """A line, or as much of it as is looked at in one piece."""
        line = self.text.readline(MAX_ROW + 1)
        if self.is_at_start:
            # One that the encoding did not take away, as utf-8 where somebody named it.
            self.is_at_start, line = False, line.lstrip(BOM)
        self.is_at_end, self.ends_line = not line, line.endswith(("\n", "\r"))
        self.count += self.ends_line
        self.length += len(line)
        self.quotes += line.count('"')
        return line

    def skip_row(self, first: int) -> None:
        """Read on to where the row ends: at the end of a line outside quotation marks."""
        while not self.is_at_end and (self.quotes % 2 or not self.ends_line):
            self.read()
        if self.quotes % 2:
            raise Unreadable(NEVER_CLOSED.format(first))


# Bytes ------------------------------------------------------------------------------------------


class BoundedFile(io.RawIOBase):
    """The bytes of a file, unpacked; raises `Unreadable` after too many."""

    def __init__(self, raw: Any) -> None:
        self.raw = raw
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = self.raw.read(len(buffer))
        self.count += len(part)
        if self.count > MAX_UNPACKED:
            raise Unreadable(f"The file has more than {MAX_UNPACKED:,} bytes, unpacked; split it.")
        buffer[: len(part)] = part
        return len(part)


def unpack(file: BinaryIO) -> io.BufferedReader:
    """The bytes of a file from its beginning, unpacked if it is gzip, whatever its name."""
    file.seek(0)
    is_gzip = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    return io.BufferedReader(BoundedFile(gzip.GzipFile(fileobj=file) if is_gzip else file), CHUNK)


def decode(file: BinaryIO, encoding: str) -> TextIO:
    try:
        if codecs.lookup(encoding).name in NO_CHARSETS:
            raise LookupError(encoding)
        return io.TextIOWrapper(unpack(file), encoding=encoding, newline="")
    except LookupError as error:
        raise Unreadable(f"{encoding} is no encoding.") from error
