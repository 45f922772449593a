"""A benchmark's shop: so many products, log-ins and orders; number n is the same everywhere."""

import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from django.core.management import call_command
from django.db import DatabaseError, connection, models, transaction

from accounts.models import Session, TokenStatus, User
from orders import models as orders
from products import search_keys
from products.models import Movement, Product, Reservation, ReservationLine, Stock

KINDS = ("cup", "bowl", "plate", "lamp", "chair", "table", "shelf", "clock", "mirror", "basket")
LOOKS = ("red", "blue", "green", "white", "black", "oak", "glass", "brass", "linen", "stone", "round")
PLACES = ("Porto", "Lyon", "Graz", "Turku", "Ghent", "Siena", "Bergen")
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
BATCH = 20_000
HOT = uuid.UUID(int=1)
"""The product that everybody orders."""
REGULAR = uuid.UUID(int=1 << 96)
"""The customer who placed every order that is there already, from ever new devices."""


def fill(count: int) -> None:
    """Migrate, and write `count` products, log-ins and orders; number n is the same everywhere."""
    call_command("migrate", verbosity=0)
    User.objects.create(id=REGULAR, email="regular@example.com", password="!")
    if count > BATCH:
        pause_indexes()
    for model, write in ROWS.items():
        for start in range(1, count + 1, BATCH):
            copy(model, [write(number) for number in range(start, min(start + BATCH, count + 1))])
    resume_indexes()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        if connection.vendor == "postgresql":
            cursor.connection.autocommit = True
            cursor.execute("VACUUM")


def write_product(number: int) -> tuple:
    name = f"{LOOKS[number % 11]} {KINDS[number % 10]} from {PLACES[number % 7]} {number:07d}"
    key = search_keys.write_key(name, f"B{number:07d}")
    return (
        uuid.UUID(int=number), f"B{number:07d}", name, "For the house.", KINDS[number % 10],
        f"{1 + number % 997}.50", "EUR", True, 1, key, MOMENT + timedelta(seconds=number), f"{key} for the house.",
    )  # fmt: skip


def write_stock(number: int) -> tuple:
    return uuid.UUID(int=number), 1_000_000_000, 1


def write_status(number: int) -> tuple:
    return (None,)


def write_session(number: int) -> tuple:
    at = MOMENT + timedelta(seconds=number)
    return session_id(number), REGULAR, "api", "", 0, number, at, at, at + timedelta(days=90), ""


def write_order(number: int) -> tuple:
    at = MOMENT + timedelta(seconds=number)
    return (
        order_id(number), f"{number:08d}", "paid", "", 3, customer_of(number), "Regular", "regular@example.com", "",
        "EUR", "4.50", "", at, at,
    )  # fmt: skip


def write_line(number: int) -> tuple:
    return order_id(number), uuid.UUID(int=number), 1, f"B{number:07d}", "A thing", "4.50"


def write_event(number: int) -> tuple:
    return MOMENT, "order", str(order_id(number)), "placed", "system", "", "", "{}"


def write_key(number: int) -> tuple:
    return customer_of(number), "api", "place", str(order_id(number)), "0" * 64, order_id(number), 201, "{}", MOMENT


def write_reservation(number: int) -> tuple:
    return order_id(number), "held", MOMENT, MOMENT


def write_held(number: int) -> tuple:
    return order_id(number), uuid.UUID(int=number), 1, f"B{number:07d}", "A thing", "4.50", "EUR"


def write_movement(number: int) -> tuple:
    return uuid.UUID(int=number), order_id(number), "reserve", 0, 1, "", "", MOMENT


def customer_of(number: int) -> str:
    """Whoever placed an order: each of them twenty."""
    return str(uuid.UUID(int=(4 << 96) + number // 20))


def session_id(number: int) -> uuid.UUID:
    return uuid.UUID(int=(2 << 96) + number)


def order_id(number: int) -> uuid.UUID:
    return uuid.UUID(int=(3 << 96) + number)


ROWS: dict[type[models.Model], Callable[[int], tuple]] = {
    Product: write_product, Stock: write_stock, TokenStatus: write_status, Session: write_session,
    orders.Order: write_order, orders.Line: write_line, orders.Event: write_event, orders.IdempotencyKey: write_key,
    Reservation: write_reservation, ReservationLine: write_held, Movement: write_movement,
}  # fmt: skip
COLUMNS = {
    Product: "id sku name description category price currency active version search_key created_at search_text",
    Stock: "product_id on_hand reserved",
    TokenStatus: "revoked_at",
    Session: "id user_id client_id device generation status_id created_at rotated_at expires_at end_reason",
    orders.Order: "id number status owes version customer_id customer_name customer_email ship_to currency total"
    " payment_reference created_at placed_at",
    orders.Line: "order_id product quantity sku name unit_price",
    orders.Event: "at kind subject what sub client_id request_id facts",
    orders.IdempotencyKey: "sub client_id operation key fingerprint order_id status body created_at",
    Reservation: "order_id state created_at changed_at",
    ReservationLine: "reservation_id product_id quantity sku name unit_price currency",
    Movement: "product_id reservation_id kind on_hand reserved reason sub at",
}


@transaction.atomic
def copy(model: type[models.Model], rows: list[tuple]) -> None:
    """Insert rows as the database takes them fastest."""
    names = COLUMNS[model].split()
    columns = ", ".join(names)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            trust(cursor)
            with cursor.copy(f"COPY {model._meta.db_table} ({columns}) FROM STDIN") as stream:
                for row in rows:
                    stream.write_row(row)
            return

        sql = f"INSERT INTO {model._meta.db_table} ({columns}) VALUES ({', '.join('?' * len(names))})"
        cursor.connection.executemany(sql, [tuple(map(lower, row)) for row in rows])


def trust(cursor) -> None:
    """Have PostgreSQL look for no references in what is written here, if this user may say so."""
    with suppress(DatabaseError), transaction.atomic():
        cursor.execute("SET LOCAL session_replication_role = replica")


def lower(value: object) -> object:
    """A value as SQLite stores what Django writes."""
    if isinstance(value, uuid.UUID):
        return value.hex
    return value.strftime("%Y-%m-%d %H:%M:%S") if isinstance(value, datetime) else value


PLAIN_INDEXES = {
    "postgresql": "SELECT indexname, indexdef, tablename FROM pg_indexes WHERE indexdef LIKE 'CREATE INDEX%'",
    "sqlite": "SELECT name, sql, tbl_name FROM sqlite_master WHERE type = 'index' AND sql LIKE 'CREATE INDEX%'",
}
_paused: list[str] = []


def pause_indexes() -> None:
    """Drop the plain indexes of the tables to fill, to build each once at the end."""
    tables = {model._meta.db_table for model in ROWS}
    with connection.cursor() as cursor:
        cursor.execute(PLAIN_INDEXES[connection.vendor])
        for name, sql, table in cursor.fetchall():
            if table in tables:
                cursor.execute(f'DROP INDEX "{name}"')
                _paused.append(sql)


def resume_indexes() -> None:
    with connection.cursor() as cursor:
        for sql in _paused:
            cursor.execute(sql)
