"""A catalogue read from a CSV file (RFC 4180): all validated first, then written in short transactions."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from django.db import IntegrityError, transaction
from tqdm import tqdm

from database.csv_files import Unreadable, read_csv
from products import stock
from products.catalogue import apply_changes, describe_changes
from products.models import Event, PriceRefused, Product, Stock, check_price, search_key
from wire.events import SYSTEM
from wire.money import CURRENCIES

BATCH = 200
REQUIRED = ("sku", "name", "price")
FIELDS = (*REQUIRED, "description", "category", "currency", "active", "on_hand")
LENGTHS = {"sku": 64, "name": 200, "description": 4000, "category": 64}
UPDATED = ("name", "description", "category", "price", "currency", "active", "search_key", "version")
FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
MAX_ON_HAND = 1_000_000_000
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)")
WHOLE_NUMBER = re.compile(r"[0-9]+(\.0*)?")
UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class Layout(NamedTuple):
    """How a file is to be read.

    `columns` names the column of a field where it is not the field's own name; `currency` and
    `on_hand` (of new products) stand in where a row does not say.
    """

    columns: Mapping[str, str] = {}
    currency: str = ""
    on_hand: int = 0
    encoding: str = "utf-8-sig"


Cells = Mapping[str, str]
"""What a row says, by field."""


class BadRow(NamedTuple):
    """A row that is skipped, by the line it begins on."""

    line: int
    reason: str


class RowRefused(Exception):
    """A row is bad; the message says why."""


class Row(NamedTuple):
    """A good row: the fields that it says, and how many are on hand, if it says."""

    line: int
    sku: str
    fields: dict[str, Any]
    on_hand: int | None


class ExistingProduct(NamedTuple):
    """What a row is held against when its product is there already."""

    currency: str
    reserved: int


@dataclass
class Report:
    """What an import did, or would do."""

    rows: int = 0
    repeats: int = 0
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    is_written: bool = False
    bad: list[BadRow] = field(default_factory=list)


def import_products(
    path: Path, layout: Layout, *, dry_run: bool = False, strict: bool = False, quiet: bool = False
) -> Report:
    """Create and change products from a CSV file, plain or gzip. Safe to repeat.

    The last good row of a sku wins; bad rows are skipped and reported, and with `strict` nothing
    is written if there is one. Raises `Unreadable`.
    """
    report = Report()
    found = read_good_rows(path, layout, report, quiet=quiet)
    # By sku, so that imports at once wait for each other in one order and never in a circle.
    rows = [found[sku] for sku in sorted(found)]
    report.is_written = not dry_run and not (strict and report.bad)
    with tqdm(total=len(rows), desc="Writing", unit=" products", disable=quiet or None) as bar:
        for start in range(0, len(rows), BATCH):
            write_rows(rows[start : start + BATCH], layout, report)
            bar.update(BATCH)
    report.bad.sort()
    return report


# Reading ----------------------------------------------------------------------------------------


def read_good_rows(path: Path, layout: Layout, report: Report, *, quiet: bool) -> dict[str, Row]:
    """The last good row of each sku; what is bad or repeated goes into the report."""
    products = existing_products()
    rows: dict[str, Row] = {}
    for line, cells in name_cells(read_csv(path, encoding=layout.encoding, quiet=quiet), layout):
        report.rows += 1
        try:
            row = check_row(line, cells, layout, products)
        except RowRefused as error:
            report.bad.append(BadRow(line, str(error)))
            continue
        report.repeats += row.sku in rows
        rows[row.sku] = row
    return rows


def existing_products() -> dict[str, ExistingProduct]:
    """What is there already, by sku."""
    rows = Product.objects.values_list("sku", "currency", "stock__reserved")
    return {sku: ExistingProduct(currency, reserved) for sku, currency, reserved in rows}


def name_cells(lines: Iterator[tuple[int, list[str]]], layout: Layout) -> Iterator[tuple[int, dict[str, str]]]:
    """Give the cells of each row after the first the names of their fields."""
    _, header = next(lines, (0, []))
    places = locate_columns([name.strip() for name in header], layout)
    for line, cells in lines:
        yield line, {name: cells[place].strip() for name, place in places.items() if place < len(cells)}


def locate_columns(header: Sequence[str], layout: Layout) -> dict[str, int]:
    """Where each field stands; raises `Unreadable` for a column that is missing or there twice."""
    places = {}
    for name in FIELDS:
        column = layout.columns.get(name, name)
        if header.count(column) > 1:
            raise Unreadable(f"The column {column!r} is there twice.")
        if column in header:
            places[name] = header.index(column)
        elif name in REQUIRED or name in layout.columns:
            raise Unreadable(f"There is no column {column!r} for {name}; there are {list(header)}.")
    return places


# Checking ---------------------------------------------------------------------------------------


def check_row(line: int, cells: Cells, layout: Layout, products: Mapping[str, ExistingProduct]) -> Row:
    """A good row; raises `RowRefused`."""
    fields: dict[str, Any] = {name: read_text(cells, name) for name in LENGTHS if name in REQUIRED or name in cells}
    existing = products.get(fields["sku"])
    currency = cells.get("currency") or layout.currency or (existing.currency if existing else "EUR")
    fields |= {"currency": currency, "price": read_price(cells, currency)}
    if cells.get("active"):
        fields["active"] = read_flag(cells["active"])
    return Row(line, fields["sku"], fields, read_on_hand(cells.get("on_hand", ""), existing))


def read_text(cells: Cells, name: str) -> str:
    text = cells.get(name, "")
    if not text and name in REQUIRED:
        raise RowRefused(f"{name} is missing")
    if len(text) > LENGTHS[name]:
        raise RowRefused(f"{name} is longer than {LENGTHS[name]} characters")
    if UNSTORABLE.search(text):
        raise RowRefused(f"{name} has a character that cannot be stored")

    return text


def read_price(cells: Cells, currency: str) -> Decimal:
    text = cells.get("price", "")
    if not text:
        raise RowRefused("price is missing")
    if currency not in CURRENCIES:
        raise RowRefused(f"currency {currency[:20]!r} is not taken")
    if len(text) > 30 or not NUMBER.fullmatch(text):
        raise RowRefused(f"price {text[:40]!r} is not a number")

    price = Decimal(text)
    try:
        check_price(price, currency)
    except PriceRefused as error:
        raise RowRefused(f"price {text!r}: {error}") from error

    return price


def read_flag(text: str) -> bool:
    if text.casefold() not in FLAGS:
        raise RowRefused(f"active {text[:20]!r} is neither true nor false")

    return FLAGS[text.casefold()]


def read_on_hand(text: str, existing: ExistingProduct | None) -> int | None:
    """How many are on hand, None if the row does not say."""
    if not text:
        return None
    if len(text) > 30 or not WHOLE_NUMBER.fullmatch(text):
        raise RowRefused(f"on_hand {text[:40]!r} is not a whole number")

    units = int(text.partition(".")[0])
    if units > MAX_ON_HAND:
        raise RowRefused(f"on_hand {text} is more than {MAX_ON_HAND:,}")
    if existing and units < existing.reserved:
        raise RowRefused(f"on_hand {units} is below the {existing.reserved} reserved")

    return units


# Writing ----------------------------------------------------------------------------------------


class Plan(NamedTuple):
    """What a batch of rows comes to, under locks that are held while it is written."""

    new: list[tuple[Product, int]]
    changed: list[tuple[Product, dict[str, Any]]]
    corrections: dict[Any, int]
    refused: list[BadRow]


def write_rows(rows: Sequence[Row], layout: Layout, report: Report) -> None:
    """Write a batch, and count it."""
    try:
        plan = write_batch(rows, layout, report)
    except IntegrityError:
        # A product of one of these skus was created meanwhile: now it is there to be changed.
        plan = write_batch(rows, layout, report)
    changed = {product.pk for product, _ in plan.changed} | set(plan.corrections)
    report.created += len(plan.new)
    report.changed += len(changed)
    report.unchanged += len(rows) - len(plan.new) - len(changed) - len(plan.refused)
    report.bad += plan.refused


@transaction.atomic
def write_batch(rows: Sequence[Row], layout: Layout, report: Report) -> Plan:
    plan = make_plan(rows, layout)
    if report.is_written:
        create_products(plan)
        change_products(plan)
    return plan


def make_plan(rows: Sequence[Row], layout: Layout) -> Plan:
    """Hold the rows against what is there, which nobody else changes until the transaction ends."""
    products = lock_products([row.sku for row in rows])
    stocks = lock_stocks([products[row.sku].pk for row in rows if row.sku in products and row.on_hand is not None])
    plan = Plan([], [], {}, [])
    for row in rows:
        product = products.get(row.sku)
        if product is None:
            product = Product(**row.fields, search_key=search_key(row.fields["name"], row.sku))
            plan.new.append((product, layout.on_hand if row.on_hand is None else row.on_hand))
        elif row.on_hand is not None and row.on_hand < stocks[product.pk].reserved:
            plan.refused.append(BadRow(row.line, f"on_hand {row.on_hand} is below what is reserved by now"))
        else:
            plan_change(plan, row, product, stocks.get(product.pk))
    return plan


def lock_products(skus: Sequence[str]) -> dict[str, Product]:
    found = Product.objects.select_for_update(no_key=True).filter(sku__in=skus).order_by("pk")
    return {product.sku: product for product in found}


def lock_stocks(products: Sequence[Any]) -> dict[Any, Stock]:
    found = Stock.objects.select_for_update().filter(pk__in=products).order_by("pk")
    return {stock.pk: stock for stock in found}


def plan_change(plan: Plan, row: Row, product: Product, level: Stock | None) -> None:
    """Plan what makes a product as its row says."""
    before = apply_changes(product, row.fields)
    if before:
        product.search_key = search_key(product.name, product.sku)
        plan.changed.append((product, before))
    if level and row.on_hand not in (None, level.on_hand):
        plan.corrections[product.pk] = (row.on_hand or 0) - level.on_hand


def create_products(plan: Plan) -> None:
    products = [product for product, _ in plan.new]
    Product.objects.bulk_create(products)
    stock.create_stock({product.pk: units for product, units in plan.new}, reason="import", by=SYSTEM)
    Event.objects.bulk_create(
        Event.objects.draft(product, "created", by=SYSTEM, sku=product.sku, source="import") for product in products
    )


def change_products(plan: Plan) -> None:
    products = [product for product, _ in plan.changed]
    Product.objects.bulk_create(products, update_conflicts=True, unique_fields=["id"], update_fields=UPDATED)
    stock.adjust(plan.corrections, reason="import", by=SYSTEM)
    Event.objects.bulk_create(
        Event.objects.draft(product, "changed", by=SYSTEM, fields=describe_changes(product, before), source="import")
        for product, before in plan.changed
    )
