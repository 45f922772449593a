"""A catalogue read from a CSV file: all of it checked first, then written in short transactions."""

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import orjson
from django.db import IntegrityError, transaction
from django.db.models import TextChoices

from database.csv_reading import BadRow, Dialect, Unreadable
from database.progress import show_progress
from products import stock
from products.catalogue import apply_changes, describe_changes
from products.csv_files.presets import Cells, RowRefused
from products.csv_files.rows import (
    MAX_ON_HAND,
    GoodRow,
    Layout,
    Reading,
    check_row,
    note_damage,
    read_rows,
    read_texts,
    refuse_damage,
)
from products.models import Event, Product, Stock
from wire.events import SYSTEM, Actor

Thing = TypeVar("Thing")

BATCH = 200
MAX_ADDED = 20_000
"""Products to whose stock one file may add, since that is written in one transaction."""
MAX_SHOWN = 10_000
"""Bad rows and changes of stock that a report tells one by one; the others are counted."""
UPDATED = ("name", "description", "category", "price", "currency", "active", "search_key", "search_text", "version")


class OnExisting(TextChoices):
    """What a number on hand in the file does to the stock of a product that is there already."""

    KEEP = "keep"
    SET = "set"
    ADD = "add"


class TakesTooLong(Exception):
    """It was not done by its deadline."""


class Level(NamedTuple):
    """A product's stock on hand, before and after."""

    sku: str
    before: int
    after: int


@dataclass
class Report:
    """What an import did, or would do."""

    dialect: Dialect
    rows: int = 0
    repeats: int = 0
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    corrected: int = 0
    left_alone: int = 0
    without_stock: int = 0
    is_written: bool = False
    bad_count: int = 0
    bad: list[BadRow] = field(default_factory=list)
    levels: list[Level] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)

    def add_bad(self, row: BadRow) -> None:
        self.bad_count += 1
        if len(self.bad) < MAX_SHOWN:
            self.bad.append(row)


class Import(NamedTuple):
    """What is to be done: with which file, read how, and by whom.

    `deadline` is a time of `time.monotonic` after which it stops; `on_written` is called at the end, where a file
    adds to stock in the same transaction.
    """

    path: Path
    layout: Layout = Layout()
    on_existing: str = OnExisting.KEEP
    strict: bool = False
    dry_run: bool = False
    by: Actor = SYSTEM
    quiet: bool = True
    deadline: float | None = None
    on_written: Callable[[Report], None] = lambda _: None


def import_products(task: Import) -> Report:
    """Create and change products from a CSV file, plain or gzip. Safe to repeat, but where it adds to stock.

    The last good row of a sku wins, but what adds to stock adds up; bad rows are skipped and reported, and with
    `strict` nothing is written if there is one. What adds to stock is written all or not at all. Raises
    `Unreadable` or `TakesTooLong`.
    """
    report = Report(Dialect(task.layout.encoding, task.layout.delimiter))
    adds = task.on_existing == OnExisting.ADD
    with closing(Spool(adds=adds)) as spool:
        check_rows(task, spool, report)
        report.is_written = not task.dry_run and not (task.strict and report.bad)
        if adds and spool.count() > MAX_ADDED:
            raise Unreadable(f"What adds to stock is written at once, so it has at most {MAX_ADDED:,} products.")
        with transaction.atomic() if adds else nullcontext():
            write_all(task, spool, report)
            report.bad.sort()
            task.on_written(report)
    return report


# Checking ---------------------------------------------------------------------------------------


def check_rows(task: Import, spool: "Spool", report: Report) -> None:
    """Put the last good row of each sku on the spool; what is bad or repeated goes into the report."""
    reading = Reading(report.dialect, notes=report.notes)
    found = read_rows(task.path, task.layout, reading, quiet=task.quiet)
    for some in batched(count_rows(found, report), BATCH):
        keep_deadline(task)
        spool.keep(check_batch(some, task.layout, report))
    good = report.rows - report.bad_count
    report.repeats = good - spool.count()
    report.unknown = reading.unknown


def count_rows(found: Iterable[Any], report: Report) -> Iterator[tuple[int, Cells]]:
    """The rows that say something, up to as many as are taken."""
    for row in found:
        report.rows += 1
        if isinstance(row, BadRow):
            report.add_bad(row)
        else:
            yield row


def check_batch(rows: Sequence[tuple[int, Cells]], layout: Layout, report: Report) -> Iterator[GoodRow]:
    """The good rows; the others go into the report."""
    named = []
    for line, cells in rows:
        try:
            named.append((line, cells, read_texts(cells)))
        except RowRefused as error:
            report.add_bad(BadRow(line, str(error)))
    skus = {texts["sku"] for _, _, texts in named}
    found = Product.objects.filter(sku__in=skus).order_by().values("sku", "name", "category", "currency")
    there = {row["sku"]: row for row in found}
    for line, cells, texts in named:
        try:
            before: Mapping[str, str] = there.get(texts["sku"], {})  # type: ignore[assignment]
            refuse_damage(texts, before)
            row = check_row(line, cells, texts, layout, currency=before.get("currency", ""))
        except RowRefused as error:
            report.add_bad(BadRow(line, str(error)))
        else:
            note_damage(row.sku, before, report.notes)
            yield row


KEEP = """
INSERT INTO row VALUES (?, ?, ?) ON CONFLICT (sku) DO UPDATE SET content = excluded.content,
    units = CASE WHEN ? THEN coalesce(units + excluded.units, units, excluded.units) ELSE excluded.units END
"""


class Spool:
    """Rows by sku, in a temporary SQLite database, which keeps in memory only what is in use.

    `adds` says that the numbers on hand of one sku add up: two lines of a delivery are two parcels.
    """

    def __init__(self, *, adds: bool) -> None:
        self.adds = adds
        self.database = sqlite3.connect("", isolation_level=None)
        self.database.execute("CREATE TABLE row (sku TEXT PRIMARY KEY, content BLOB, units INTEGER) WITHOUT ROWID")
        self.database.execute("BEGIN")

    def keep(self, rows: Iterable[GoodRow]) -> None:
        """Keep rows, each in the place of an earlier one of its sku."""
        packed = ((row.sku, orjson.dumps((row.line, row.fields), default=str), row.on_hand, self.adds) for row in rows)
        try:
            self.database.executemany(KEEP, packed)
        except sqlite3.Error as error:
            raise Unreadable(f"There is no room for temporary files: {error}.") from error

    def count(self) -> int:
        return int(self.database.execute("SELECT count(*) FROM row").fetchone()[0])

    def __iter__(self) -> Iterator[GoodRow]:
        """The rows by sku, so that imports at once wait for each other in one order and never in a circle."""
        for sku, content, on_hand in self.database.execute("SELECT sku, content, units FROM row ORDER BY sku"):
            line, fields = orjson.loads(content)
            yield GoodRow(line, sku, fields | {"price": Decimal(fields["price"])}, on_hand)

    def close(self) -> None:
        self.database.close()


def keep_deadline(task: Import) -> None:
    """Raise `TakesTooLong` after it."""
    if task.deadline is not None and time.monotonic() > task.deadline:
        raise TakesTooLong


def batched(things: Iterable[Thing], size: int) -> Iterator[list[Thing]]:
    """Lists of at most `size`; `itertools` has it from Python 3.12 on."""
    rest = iter(things)
    while some := list(islice(rest, size)):
        yield some


# Writing ----------------------------------------------------------------------------------------


@dataclass
class Plan:
    """What a batch of rows comes to, under locks that are held while it is written."""

    new: list[tuple[Product, int]] = field(default_factory=list)
    changed: list[tuple[Product, dict[str, Any]]] = field(default_factory=list)
    corrections: dict[Any, int] = field(default_factory=dict)
    levels: list[Level] = field(default_factory=list)
    refused: list[BadRow] = field(default_factory=list)
    left_alone: int = 0
    without_stock: int = 0


def write_all(task: Import, spool: Spool, report: Report) -> None:
    with show_progress(total=spool.count(), what="Writing", quiet=task.quiet, unit=" products") as bar:
        for rows in batched(spool, BATCH):
            keep_deadline(task)
            count_plan(write_rows(rows, task, is_written=report.is_written), report, len(rows))
            bar.update(len(rows))


def write_rows(rows: Sequence[GoodRow], task: Import, *, is_written: bool) -> Plan:
    try:
        return write_batch(rows, task, is_written=is_written)
    except IntegrityError:
        # A product of one of these skus was created meanwhile: now it is there to be changed.
        return write_batch(rows, task, is_written=is_written)


def count_plan(plan: Plan, report: Report, rows: int) -> None:
    changed = {product.pk for product, _ in plan.changed} | set(plan.corrections)
    report.created += len(plan.new)
    report.changed += len(changed)
    report.unchanged += rows - len(plan.new) - len(changed) - len(plan.refused)
    report.corrected += len(plan.levels)
    report.left_alone += plan.left_alone
    report.without_stock += plan.without_stock
    report.levels += plan.levels[: MAX_SHOWN - len(report.levels)]
    for row in plan.refused:
        report.add_bad(row)


@transaction.atomic
def write_batch(rows: Sequence[GoodRow], task: Import, *, is_written: bool) -> Plan:
    plan = make_plan(rows, task, is_written=is_written)
    if is_written:
        create_products(plan, task.by)
        change_products(plan, task.by)
    return plan


def make_plan(rows: Sequence[GoodRow], task: Import, *, is_written: bool) -> Plan:
    """Hold the rows against what is there, which nobody else changes until the transaction ends."""
    products = find_products([row.sku for row in rows], lock=is_written)
    counted = [products[row.sku].pk for row in rows if row.sku in products and row.on_hand is not None]
    stocks = find_stocks(counted, lock=is_written and task.on_existing != OnExisting.KEEP)
    plan = Plan()
    for row in rows:
        product = products.get(row.sku)
        try:
            if product is None:
                plan_product(plan, row, task.layout.on_hand)
            else:
                change = plan_stock(plan, row, stocks.get(product.pk), task.on_existing)
                plan_change(plan, row, product, change)
        except RowRefused as error:
            plan.refused.append(BadRow(row.line, str(error)))
    return plan


def find_products(skus: Sequence[str], *, lock: bool) -> dict[str, Product]:
    found = Product.objects.filter(sku__in=skus).order_by("pk")
    return {product.sku: product for product in (found.select_for_update(no_key=True) if lock else found)}


def find_stocks(products: Sequence[Any], *, lock: bool) -> dict[Any, Stock]:
    found = Stock.objects.filter(pk__in=products).order_by("pk")
    return {level.pk: level for level in (found.select_for_update() if lock else found)}


def plan_product(plan: Plan, row: GoodRow, on_hand: int | None) -> None:
    """Plan a product that is not there yet, with what its row says is on hand, else `on_hand`; or `RowRefused`."""
    product = Product(**row.fields)
    units = on_hand if row.on_hand is None else row.on_hand
    refuse_too_many(units or 0)
    plan.new.append((product, units or 0))
    plan.without_stock += units is None


def plan_stock(plan: Plan, row: GoodRow, level: Stock | None, on_existing: str) -> int:
    """How the stock of a product changes, as far as it should; raises `RowRefused`."""
    if level is None or row.on_hand is None:
        return 0
    if on_existing == OnExisting.KEEP:
        plan.left_alone += row.on_hand != level.on_hand
        return 0

    after = row.on_hand + (level.on_hand if on_existing == OnExisting.ADD else 0)
    if after < level.reserved:
        raise RowRefused(f"on_hand {after} is below the {level.reserved} reserved")
    refuse_too_many(after)
    if after != level.on_hand:
        plan.levels.append(Level(row.sku, level.on_hand, after))
    return after - level.on_hand


def refuse_too_many(units: int) -> None:
    if units > MAX_ON_HAND:
        raise RowRefused(f"on_hand {units} is more than {MAX_ON_HAND:,}")


def plan_change(plan: Plan, row: GoodRow, product: Product, change: int) -> None:
    """Plan what makes a product as its row says."""
    before = apply_changes(product, row.fields)
    if before:
        plan.changed.append((product, before))
    if change:
        plan.corrections[product.pk] = change


def create_products(plan: Plan, by: Actor) -> None:
    products = [product for product, _ in plan.new]
    Product.objects.bulk_create(products)
    stock.create_stock({product.pk: units for product, units in plan.new}, reason="import", by=by)
    Event.objects.bulk_create(
        Event.objects.draft(product, "created", by=by, sku=product.sku, source="import") for product in products
    )


def change_products(plan: Plan, by: Actor) -> None:
    products = [product for product, _ in plan.changed]
    Product.objects.bulk_create(products, update_conflicts=True, unique_fields=["id"], update_fields=UPDATED)
    stock.adjust(plan.corrections, reason="import", by=by)
    Event.objects.bulk_create(
        Event.objects.draft(product, "changed", by=by, fields=describe_changes(product, before), source="import")
        for product, before in plan.changed
    )
