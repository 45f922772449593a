"""The shelves of a benchmark's shop: product number n is the same everywhere."""

import uuid
from datetime import UTC, datetime, timedelta

from django.core.management import call_command
from django.db import connection

from products.models import Product, Stock, search_key

KINDS = ("cup", "bowl", "plate", "lamp", "chair", "table", "shelf", "clock", "mirror", "basket")
LOOKS = ("red", "blue", "green", "white", "black", "oak", "glass", "brass", "linen", "stone", "round")
PLACES = ("Porto", "Lyon", "Graz", "Turku", "Ghent", "Siena", "Bergen")
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
BATCH = 20_000
HOT = uuid.UUID(int=1)
"""The product that everybody orders."""


def fill(count: int) -> None:
    """Migrate, and put `count` products on the shelf; number n is the same everywhere."""
    call_command("migrate", verbosity=0)
    if count > BATCH:
        pause_indexes()
    for start in range(1, count + 1, BATCH):
        numbers = range(start, min(start + BATCH, count + 1))
        copy(Product, [write_product(number) for number in numbers])
        copy(Stock, [(uuid.UUID(int=number), 1_000_000_000, 0) for number in numbers])
    resume_indexes()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        if connection.vendor == "postgresql":
            cursor.connection.autocommit = True
            cursor.execute("VACUUM")


def write_product(number: int) -> tuple:
    name = f"{LOOKS[number % 11]} {KINDS[number % 10]} from {PLACES[number % 7]} {number:07d}"
    key = search_key(name, f"B{number:07d}")
    return (
        uuid.UUID(int=number), f"B{number:07d}", name, "For the house.", KINDS[number % 10],
        f"{1 + number % 997}.50", "EUR", True, 1, key, MOMENT + timedelta(seconds=number),
    )  # fmt: skip


COLUMNS = {
    Product: (
        *("id", "sku", "name", "description", "category", "price"),
        *("currency", "active", "version", "search_key", "created_at"),
    ),
    Stock: ("product_id", "on_hand", "reserved"),
}


def copy(model: type, rows: list[tuple]) -> None:
    """Insert rows as the database takes them fastest."""
    columns = ", ".join(COLUMNS[model])
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {model._meta.db_table} ({columns}) FROM STDIN") as stream:
                for row in rows:
                    stream.write_row(row)
            return

        marks = ", ".join("?" * len(COLUMNS[model]))
        sql = f"INSERT INTO {model._meta.db_table} ({columns}) VALUES ({marks})"
        cursor.connection.executemany(sql, [tuple(map(lower, row)) for row in rows])
        cursor.connection.commit()


def lower(value: object) -> object:
    """A value as SQLite stores what Django writes."""
    if isinstance(value, uuid.UUID):
        return value.hex
    return value.strftime("%Y-%m-%d %H:%M:%S") if isinstance(value, datetime) else value


_paused: list[str] = []


def pause_indexes() -> None:
    """Drop the plain indexes of products, to build each once at the end."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'products_product'"
                " AND indexdef NOT LIKE 'CREATE UNIQUE%'"
            )
        else:
            cursor.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'index'"
                " AND tbl_name = 'products_product' AND sql <> ''"
            )
        for name, sql in cursor.fetchall():
            cursor.execute(f'DROP INDEX "{name}"')
            _paused.append(sql)


def resume_indexes() -> None:
    with connection.cursor() as cursor:
        for sql in _paused:
            cursor.execute(sql)
