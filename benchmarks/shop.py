"""What is done inside Tessera for a benchmark, in a process of its own: `python -m benchmarks.shop verb n`."""

import json
import os
import sys
import time
import uuid
from datetime import UTC, datetime, timedelta
from functools import partial

os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from products.models import Product, Stock, search_key  # noqa: E402

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


def people(count: int) -> None:
    """Print `count` customers' tokens, an expired one and one without scope, each of a session of its own."""
    from accounts import sessions
    from accounts.models import Role, User

    good, refreshes, expired, bare = [], [], "", ""
    for number in range(count):
        user, made = User.objects.get_or_create(email=f"customer{number}@example.com", defaults={"password": "!"})
        if made:
            user.roles.set(Role.objects.filter(name="customer"))
        granted = sessions.open_session(user, sessions.Origin("api"))
        good.append(granted.access)
        refreshes.append(granted.refresh)
    expired = resign(good[0], exp=int(time.time()) - 5, iat=int(time.time()) - 605)
    bare = resign(good[0], scope="account")
    json.dump({"good": good, "refresh": refreshes, "expired": expired, "bare": bare}, sys.stdout)


def resign(token: str, **changes) -> str:
    """A token signed again with other claims."""
    from accounts.issuing import Access
    from tokens.parsing import parse

    again = Access()
    again.payload = parse(token).claims | changes
    return str(again)


def verify(count: int) -> None:
    """Print microseconds of CPU: a new token by us and by PyJWT, and one seen before."""
    import jwt

    from tokens import verification
    from tokens.issuer import get_issuer
    from tokens.parsing import parse

    tokens = [resign(token) for token in issue(5) for _ in range(count)]
    keys = get_issuer().keys()
    key = keys[parse(tokens[0]).header["kid"]].material
    believe = partial(verification.verify, audience="products")
    decode = partial(jwt.decode, key=key, algorithms=["ES256"], audience="products", issuer=settings.ISSUER)
    ours, theirs = [], []
    for start in range(0, len(tokens), 50):
        batch = tokens[start : start + 50]
        verification.cache.clear()
        ours.append(clock(partial(list, map(believe, batch))) / len(batch))
        theirs.append(clock(partial(list, map(decode, batch))) / len(batch))
    token = tokens[-1]
    seen = min(clock(lambda: [verification.verify(token, "products") for _ in range(2000)]) / 2000 for _ in range(10))
    middle = len(ours) // 2
    json.dump({"ours": sorted(ours)[middle], "pyjwt": sorted(theirs)[middle], "seen": seen}, sys.stdout)


def clock(work) -> float:
    """Microseconds of this thread's CPU."""
    began = time.thread_time()
    work()
    return (time.thread_time() - began) * 1e6


def issue(count: int) -> list[str]:
    from accounts import sessions
    from accounts.models import User

    user, _ = User.objects.get_or_create(email="verified@example.com", defaults={"password": "!"})
    return [sessions.open_session(user, sessions.Origin("api")).access for _ in range(count)]


def hashes(count: int) -> None:
    """Print the seconds of CPU that a password takes here and by Django's default; customer0 has it."""
    from django.contrib.auth.hashers import PBKDF2PasswordHasher, check_password, make_password

    from accounts.models import Role, User

    password = "tessera-demo"
    own, default = make_password(password), PBKDF2PasswordHasher().encode(password, "salt" * 4)
    user, _ = User.objects.get_or_create(email="customer0@example.com")
    user.roles.set(Role.objects.filter(name="customer"))
    User.objects.filter(pk=user.pk).update(password=own)
    ours = min(clock_all(lambda: check_password(password, own)) for _ in range(count))
    theirs = min(clock_all(lambda: PBKDF2PasswordHasher().verify(password, default)) for _ in range(count))
    json.dump({"ours": ours, "default": theirs, "password": password}, sys.stdout)


def clock_all(work) -> float:
    """Seconds of CPU of all threads of this process."""
    began = time.process_time()
    work()
    return time.process_time() - began


def cursor(place: int) -> None:
    """Print the cursor of the list by name that goes on after row number `place`."""
    from products import catalogue
    from wire.keyset import digest, write_cursor

    rows = Product.objects.filter(active=True).order_by("search_key", "id").values("search_key", "id")
    ordering, search = catalogue.BY_NAME, catalogue.Search()
    print(write_cursor(rows[place - 1], digest(Product, ordering, search), ordering, backward=False))


if __name__ == "__main__":
    globals()[sys.argv[1]](*map(int, sys.argv[2:]))
