"""The rows of a file as products: columns found, cells counted and checked, every number told apart."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from database.csv_reading import BadRow, Dialect, Row, Unreadable, read_csv
from products.csv_files.numbers import NotANumber, parse_amount, parse_quantity
from products.csv_files.presets import PRESETS, Cells, Preset, RowRefused, read_flag, recognise
from products.models import PriceRefused, check_price
from products.search_keys import NORMAL_FORMS
from wire.money import CURRENCIES
from wire.normalizing import take
from wire.text import TextRefused, line, usual_signs

REQUIRED = ("sku", "name", "price")
FIELDS = (*REQUIRED, "description", "category", "currency", "active", "on_hand")
LENGTHS = {"sku": 64, "name": 200, "description": 4000, "category": 64}
MAX_ON_HAND = 1_000_000_000
ERRORS = (
    "#N/A|#REF!|#NAME?|#VALUE!|#DIV/0!|#NULL!|#NUM!|#SPILL!|#CALC!|#ERROR!|#BUSY!|#FIELD!|#BLOCKED!|"
    "#CONNECT!|#GETTING_DATA|Loading...|#NV|#WERT!|#BEZUG!|#ZAHL!|#NOM?|#VALEUR!|#NOMBRE!|#NUL!|#N/D|"
    "#¡VALOR!|#¡REF!|#¡NUM!|#¿NOMBRE?|#¡DIV/0!|#¡NULO!|#VALORE!|#RIF!|#NOME?|#NULLO!|#VALOR!|#N/DISP|"
    "#NÚM!|#NULO!|#WAARDE!|#VERW!|#N/B|#GETAL!|#NAAM?|#DEEL/0!|#LEEG!|#ARG!|#ADR!|#N/D!|#LICZBA!|#NAZWA?|"
    "#DZIEL/0!|#ZERO!|#ЗНАЧ!|#ССЫЛКА!|#\u041d/\u0414|#ЧИСЛО!|#ИМЯ?|#ДЕЛ/0!|#ПУСТО!|#VÄRDEFEL!|#REFERENS!|#SAKNAS!|"
    "#OGILTIGT!|#NAMN?|#DIVISION/0!|#VÆRDI!|#REFERENCE!|#I/T|#NAVN?|#VERDI!|#ARVO!|#VIITTAUS!|#PUUTTUU!|"
    "#LUKU!|#NIMI?|#JAKO/0!|#HODNOTA!|#ODKAZ!|#NENÍ_K_DISPOZICI|#ČÍSLO!|#NÁZEV?|#DĚLENÍ_NULOU!|#ÉRTÉK!|"
    "#HIV!|#HIÁNYZIK|#SZÁM!|#NÉV?|#ZÉRÓOSZTÓ!|#DEĞER!|#BAŞV!|#YOK|#SAYI!|#AD?|#SAYI/0!"
)
"""What Excel, LibreOffice and Google Sheets write in many languages in place of what they could not work out."""
FORMULA_ERROR = re.compile(rf"{'|'.join(map(re.escape, ERRORS.split('|')))}|#{{5,}}|Err:5[0-9]{{2}}")
"""Those, LibreOffice's with a number, and what stands in place of a number that its column is too narrow for."""
LOST = "\ufffd"
"""What programs put for a letter that they could not read."""
SCIENTIFIC = re.compile(r"[0-9](?:[.,][0-9]+)?[Ee]\+[0-9]{2,3}|[0-9][.,][0-9]+[Ee]-[0-9]{2,3}")
"""What Excel writes for `4006340000123`, whose last digits are then lost, and for `1E-5`; others with a small e."""
MONTHS = (
    "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mrz|mär|mai|okt|dez|janv|févr|mars|avr|juin|juil|"
    "août|sept|déc|ene|abr|ago|dic|gen|mag|giu|lug|set|ott|mrt|mei|sty|lut|kwi|maj|cze|lip|sie|wrz|paź|"
    "lis|gru"
)
"""As spreadsheets shorten them in English, German, French, Spanish, Italian, Dutch and Polish."""
DATE = re.compile(
    rf"[0-9]{{1,2}}[-./ ]{{1,2}}({MONTHS})\.?([-./ ][0-9]{{2,4}})?|({MONTHS})\.?[-./ ][0-9]{{2}}", re.IGNORECASE
)
"""What a spreadsheet makes of a sku such as `1-2`: `01-Feb`, `2. Jan`, `Jan-26`."""
LIKE_DATES = "New products whose sku looks like a date, as spreadsheets make one of 1-2"
MAX_COLUMNS = 1_000
MAX_NAMED = 20
"""Columns that a refusal names."""
LONGEST_NAME = 60
MAX_NAME = 200
"""Characters of a column's name that are compared."""


class Layout(NamedTuple):
    """How a file is to be read.

    `columns` names the column of a field where it is not the field's own name; `preset` is the shop that wrote the
    file, one of `PRESETS`; `currency` and `on_hand` (of new products) stand in where a row does not say. `decimal`,
    `encoding` and `delimiter` are found out where they are empty.
    """

    columns: Mapping[str, str] = {}
    preset: str = ""
    currency: str = ""
    on_hand: int | None = None
    decimal: str = ""
    encoding: str = ""
    delimiter: str = ""


@dataclass
class Reading:
    """What was found out about a file beside its rows: how it is written, what is not taken, what is worth a look."""

    dialect: Dialect
    unknown: list[str] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)


class GoodRow(NamedTuple):
    """A row that can be written: the fields that it says, and how many are on hand, if it says."""

    line: int
    sku: str
    fields: dict[str, Any]
    on_hand: int | None


def read_rows(path: Path, layout: Layout, reading: Reading, *, quiet: bool) -> Iterator[tuple[int, Cells] | BadRow]:
    """The cells of each product by field, with the line of its row. Raises `Unreadable`, also midway."""
    rows = read_csv(path, reading.dialect, quiet=quiet)
    header = read_header(rows)
    preset = PRESETS[layout.preset]() if layout.preset else Preset()
    places = locate_columns(header, layout, preset)
    reading.unknown = [name for place, name in enumerate(header) if name and place not in places.values()]
    for row in rows:
        if isinstance(row, BadRow):
            yield row
        elif len(row.cells) != len(header):
            yield BadRow(row.line, f"it has {count(row.cells, 'cell')}, and the header has {len(header)}")
        else:
            yield from take_row(row, places, preset, reading)


def read_header(rows: Iterator[Row | BadRow]) -> list[str]:
    header = next(rows, None)
    if header is None:
        raise Unreadable("The file is empty.")
    if isinstance(header, BadRow):
        raise Unreadable(f"The header cannot be read: {header.reason}.")
    if len(header.cells) > MAX_COLUMNS:
        raise Unreadable(f"There are more than {MAX_COLUMNS:,} columns.")

    return [take(line, name) for name in header.cells]


def take_row(
    row: Row, places: Mapping[str, int], preset: Preset, reading: Reading
) -> Iterator[tuple[int, Cells] | BadRow]:
    """The product of a row, if it is about one."""
    try:
        cells = preset.convert({name: row.cells[place] for name, place in places.items()}, reading.notes)
    except RowRefused as error:
        yield BadRow(row.line, str(error))
    else:
        if cells is not None:
            yield row.line, cells


def count(things: Sequence[object], noun: str) -> str:
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"


# Columns ----------------------------------------------------------------------------------------


def locate_columns(header: Sequence[str], layout: Layout, preset: Preset) -> dict[str, int]:
    """Where each field stands; raises `Unreadable` for a column that is missing or there twice."""
    names = {**{name: (name,) for name in FIELDS}, **preset.columns}
    names |= {name: (take(line, column),) for name, column in layout.columns.items()}
    places = {name: find_column(header, columns) for name, columns in names.items()}
    for name in (*preset.required, *layout.columns):
        if places.get(name) is None:
            column = " or ".join(map(repr, names[name]))
            raise Unreadable(
                f"There is no column {column} for {name}; there are {name_some(header)}.{hint(header, layout)}"
            )
    return {name: place for name, place in places.items() if place is not None}


def find_column(header: Sequence[str], columns: Sequence[str]) -> int | None:
    """The place of a column, by its name as it is or in any case; None if there is none."""
    for column in columns:
        for same in (str, fold):
            found = [place for place, name in enumerate(header) if same(name) == same(column)]
            if len(found) > 1:
                raise Unreadable(f"The column {column!r} is there twice.")
            if found:
                return found[0]

    return None


def fold(name: str) -> str:
    """A column's name without case, width of letters, spaces, hyphens and underscores."""
    return re.sub(r"[\s_-]+", "", unicodedata.normalize("NFKC", name[:MAX_NAME]).casefold())


def name_some(header: Sequence[str]) -> str:
    """The names of a header, as many and as much of each as anybody reads."""
    some = ", ".join(repr(name[:LONGEST_NAME]) for name in header[:MAX_NAMED])
    return f"{some} and {len(header) - MAX_NAMED:,} more" if len(header) > MAX_NAMED else some


def hint(header: Sequence[str], layout: Layout) -> str:
    """What may help whoever has a file of another shop."""
    preset = "" if layout.preset else recognise(header)
    return f" It looks like an export of {PRESETS[preset].shop}: --preset {preset} takes it." if preset else ""


# Checking ---------------------------------------------------------------------------------------


def read_texts(cells: Cells) -> dict[str, str]:
    """What a row says in words, each in its normal form; raises `RowRefused`."""
    return {name: read_text(cells, name) for name in NORMAL_FORMS if name in REQUIRED or name in cells}


def check_row(number: int, cells: Cells, texts: Mapping[str, str], layout: Layout, *, currency: str) -> GoodRow:
    """A good row; `currency` is that of a product that is there, or nothing. Raises `RowRefused`."""
    currency = usual_signs(cells.get("currency", "")).upper() or layout.currency or currency or "EUR"
    fields: dict[str, Any] = {**texts, "currency": currency, "price": read_price(cells, currency, layout.decimal)}
    if cells.get("active"):
        fields["active"] = read_flag(cells["active"], "active")
    return GoodRow(number, texts["sku"], fields, read_on_hand(cells.get("on_hand", ""), layout.decimal))


def read_text(cells: Cells, name: str) -> str:
    try:
        plain = NORMAL_FORMS[name](cells.get(name, ""))
    except TextRefused as error:
        raise RowRefused(f"{name}: {error}") from error
    if not plain and name in REQUIRED:
        raise RowRefused(f"{name} is missing")
    if len(plain) > LENGTHS[name]:
        raise RowRefused(f"{name} is longer than {LENGTHS[name]:,} characters")

    return plain


def refuse_damage(texts: Mapping[str, str], before: Mapping[str, str]) -> None:
    """Raise `RowRefused` for what a spreadsheet left of a text, unless the product that is there has just that."""
    for name in ("sku", "name", "category"):
        text = texts.get(name, "")
        if text == before.get(name):
            continue
        if LOST in text:
            raise RowRefused(
                f"{name} {text[:40]!r} has lost letters: it was saved in an encoding that has none for them"
            )
        if FORMULA_ERROR.fullmatch(text):
            raise RowRefused(f"{name} {text!r} is what a spreadsheet writes where a formula fails")
        if name == "sku" and SCIENTIFIC.fullmatch(text):
            raise RowRefused(f"sku {text!r} is what a spreadsheet makes of a long number: import that column as text")


def note_damage(sku: str, before: Mapping[str, str], notes: Counter[str]) -> None:
    """Note what a spreadsheet may have made of a sku, unless a product is called so."""
    notes[LIKE_DATES] += not before and bool(DATE.fullmatch(sku))


def read_price(cells: Cells, currency: str, decimal: str) -> Decimal:
    text = cells.get("price", "")
    if not text:
        raise RowRefused("price is missing")
    if currency not in CURRENCIES:
        raise RowRefused(f"currency {currency[:20]!r} is not taken")

    try:
        price = parse_amount(text, currency, decimal=decimal)
        check_price(price, currency)
    except NotANumber as error:
        raise RowRefused(f"price {text[:40]!r} {error}") from error
    except PriceRefused as error:
        raise RowRefused(f"price {text!r}: {error}") from error

    return price


def read_on_hand(text: str, decimal: str) -> int | None:
    """How many are on hand, None if the row does not say."""
    if not text:
        return None

    try:
        units = parse_quantity(text, decimal=decimal)
    except NotANumber as error:
        raise RowRefused(f"on_hand {text[:40]!r} {error}") from error
    if units < 0:
        raise RowRefused(f"on_hand {text[:40]!r} is below zero")
    if units > MAX_ON_HAND:
        raise RowRefused(f"on_hand {text} is more than {MAX_ON_HAND:,}")

    return units
