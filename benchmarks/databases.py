"""Databases of the benchmark: filled once for each number of rows, and kept for the next run."""

import hashlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "var" / "benchmarks"
SERVER = os.environ.get("BENCHMARK_SERVER", "postgres://postgres@127.0.0.1:5432")
PREFIX = "tessera_benchmark_"


def answers() -> bool:
    """Whether there is a PostgreSQL to measure on."""
    try:
        psycopg.connect(f"{SERVER}/postgres", connect_timeout=3).close()
    except psycopg.OperationalError:
        return False
    return True


def prepare(kind: str, rows: int) -> str:
    """The address of a database of `kind` with `rows` products."""
    name = f"{PREFIX}{rows}_{digest()}"
    return prepare_postgresql(name, rows) if kind == "postgresql" else prepare_sqlite(name, rows)


def digest() -> str:
    """What a filled database depends on: another text of these files, another database."""
    own = ("filling.py", "peers/tables.py", "peers/drf/prepare.py")
    files = [*sorted(ROOT.glob("*/migrations/0*.py")), *(ROOT / "benchmarks" / name for name in own)]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:8]


def prepare_postgresql(name: str, rows: int) -> str:
    url = f"{SERVER}/{name}"
    with psycopg.connect(f"{SERVER}/postgres", autocommit=True) as server:
        if server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            return url

        building = f"{name}_new"
        server.execute(f'DROP DATABASE IF EXISTS "{building}" WITH (FORCE)')
        server.execute(f'CREATE DATABASE "{building}"')
        fill(f"{SERVER}/{building}", rows)
        server.execute(f'ALTER DATABASE "{building}" RENAME TO "{name}"')
    return url


def prepare_sqlite(name: str, rows: int) -> str:
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = FOLDER / f"{name}.sqlite3"
    if not file.exists():
        building = file.with_suffix(".new")
        building.unlink(missing_ok=True)
        fill(f"sqlite:///{building}", rows)
        building.rename(file)
    return f"sqlite:///{file}"


@contextmanager
def copied(url: str) -> Iterator[str]:
    """The address of a copy of a PostgreSQL database, for as long as the block lasts."""
    name = url.rpartition("/")[2]
    with psycopg.connect(f"{SERVER}/postgres", autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}_copy" WITH (FORCE)')
        server.execute(f'CREATE DATABASE "{name}_copy" TEMPLATE "{name}"')
        try:
            yield f"{url}_copy"
        finally:
            server.execute(f'DROP DATABASE "{name}_copy" WITH (FORCE)')


def copy_as_default(url: str) -> str:
    """The address of a copy of an SQLite database with the journal of SQLite's own choice, as Django leaves it."""
    file = Path(url.removeprefix("sqlite:///"))
    copy = file.with_name(f"{file.stem}_default.sqlite3")
    with closing(sqlite3.connect(file)) as original, closing(sqlite3.connect(copy)) as copied:
        original.backup(copied)
        copied.execute("PRAGMA journal_mode = DELETE")
    return f"sqlite:///{copy}"


def fill(url: str, rows: int) -> None:
    print(f"  filling {rows:,} products into {url.rpartition('/')[2]}", file=sys.stderr)
    run_shop(url, "fill", rows)
    environment = os.environ | {"DATABASE_URL": url, "PEER_SECRET": "x" * 50}
    subprocess.run([sys.executable, "-m", "benchmarks.peers.drf.prepare"], env=environment, cwd=ROOT, check=True)


def run_shop(url: str, *words: object) -> str:
    """What a verb of `benchmarks.shop` prints."""
    from benchmarks.processes import tessera_environment

    command = [sys.executable, "-m", "benchmarks.shop", *map(str, words)]
    done = subprocess.run(
        command, env=tessera_environment(url), cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


def drop_all() -> None:
    """Let go of every database that a benchmark made."""
    for file in FOLDER.glob(f"{PREFIX}*"):
        file.unlink()
    if not answers():
        return
    with psycopg.connect(f"{SERVER}/postgres", autocommit=True) as server:
        for (name,) in server.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [PREFIX]
        ).fetchall():
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def backends(url: str) -> list[int]:
    """The processes of PostgreSQL that serve a database now."""
    if url.startswith("sqlite"):
        return []

    with psycopg.connect(f"{SERVER}/postgres") as server:
        found = server.execute("SELECT pid FROM pg_stat_activity WHERE datname = %s", [url.rpartition("/")[2]])
        return [pid for (pid,) in found]
