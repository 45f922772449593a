"""Databases of their own for real processes: a SQLite file, or a new database on a PostgreSQL server."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import environ
import pytest

BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]
"""For `parametrize`: which of them."""
LOCAL = "postgres://postgres@127.0.0.1:5432/postgres"


@contextmanager
def fresh(kind: str, folder: Path) -> Iterator[str]:
    """The address of an empty database that lasts as long as the block; skips if there can be none."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / f'{uuid.uuid4().hex}.sqlite3'}"
        return

    psycopg = pytest.importorskip("psycopg", reason="PostgreSQL: psycopg is not installed")
    server, name = find_server(), f"tessera_{uuid.uuid4().hex}"
    try:
        connection = psycopg.connect(**read_address(f"{server}/postgres"), autocommit=True, connect_timeout=3)
    except psycopg.OperationalError:
        pytest.skip("PostgreSQL does not answer")
    with connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            yield f"{server}/{name}"
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def find_server() -> str:
    """The server that the tests were given, else the one of this machine; without a database."""
    given = os.environ.get("DATABASE_URL", "")
    return (given if given.startswith("postgres") else LOCAL).rpartition("/")[0]


def read_address(url: str) -> dict[str, str]:
    """An address as libpq takes it; in ours a host may also be the folder of a socket."""
    parts = environ.Env.db_url_config(url)
    named = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD", "dbname": "NAME"}
    return {name: parts[part] for name, part in named.items() if parts.get(part)}
