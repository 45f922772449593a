"""Every command may be repeated, cut off and run twice at once; what goes wrong is told in a sentence."""

import os
import signal
import subprocess
import sys
import time
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import get_commands

from config import command_line
from config.environment import for_child
from tokens.scopes import SERVICES

pytestmark = pytest.mark.skipif(sorted(SERVICES) != settings.SERVICES, reason="needs all services in one process")

RIGHTS = ["orders", "--scope", "stock:reserve", "--audience", "products"]
ID = "6e2a1b34-0000-4000-8000-000000000000"
COMMANDS = {
    "after_restore": [[]],
    "archive_events": [["/nowhere"], ["."]],
    "demo": [[]],
    "encryption_key": [],
    "erase_person": [["nobody@example.com"], [ID, "--yes"], [ID]],
    "export_orders": [["/nowhere/orders.csv"]],
    "export_person": [[ID, "/nowhere/x.json"], [ID, "/dev/null"]],
    "export_products": [["/nowhere/products.csv"]],
    "extract": [["products", "--to", "nonsense"]],
    "import_products": [["/nowhere.csv"]],
    "migrate": [["nowhere"]],
    "openapi": [],
    "reconcile": [[]],
    "register_client": [["web"], ["orders", "--secret-file", "/dev/null"], [*RIGHTS, "--renew"], RIGHTS],
    "normalize_text": [[]],
    "rewrap_keys": [[]],
    "rotate_keys": [[]],
    "runserver": [],
    "settle_orders": [[]],
    "startservice": [["orders"], ["../x"]],
    "verify_email": [["--created-before", "2026-05-04"], ["alice@example.com"]],
    "work": [["--once"]],
}
"""Arguments with which each command must fail on a database without tables; none for those that need no database."""


DIE_AT_A_NOTE = """
import os, sys
import django
django.setup()
from django.core.management import call_command
from django.db import connection

def die(execute, sql, params, many, context):
    if sql.startswith('INSERT INTO "django_migrations"') and {*sys.argv[1:]} <= {*params}:
        os._exit(9)
    return execute(sql, params, many, context)

with connection.execute_wrapper(die):
    call_command("migrate", verbosity=0)
"""
"""Migrates, and dies when the tables of the migration are made and nobody has noted it yet."""


@pytest.fixture
def start(tmp_path):
    """Start a command on a database of its own, which has no tables yet."""
    running = []

    def popen(*words, **environment):
        own = {"DATABASE_URL": f"sqlite:///{tmp_path / 'shop.sqlite3'}", **environment}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        command = [sys.executable, "manage.py", *words]
        running.append(subprocess.Popen(command, cwd=settings.BASE_DIR, env=for_child(**own), **pipes))
        return running[-1]

    yield popen
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def run(start):
    """Run commands side by side: for each its exit code and what it said."""

    def finish(*commands, **environment):
        started = [start(*words, **environment) for words in commands]
        said = [process.communicate(timeout=120) for process in started]
        return [(process.returncode, *texts) for process, texts in zip(started, said, strict=True)]

    return finish


def test_every_command_of_ours_is_tried_here():
    ours = {name for name, app in get_commands().items() if app.partition(".")[0] in {"config", *SERVICES}}

    assert ours == COMMANDS.keys()


def test_what_asks_says_so_where_nobody_can_answer(monkeypatch):
    monkeypatch.setattr(command_line, "execute_from_command_line", lambda _: input())
    monkeypatch.setattr("sys.stdin", StringIO())

    with pytest.raises(SystemExit, match=r"^This command asks for something, and there is no terminal to answer at"):
        command_line.main(["manage.py", "changepassword", "alice@example.com"])


@pytest.mark.slow
def test_what_goes_wrong_is_a_sentence_and_no_traceback(run):
    commands = [[name, *words] for name, several in COMMANDS.items() for words in several]

    for words, (code, out, err) in zip(commands, run(*commands), strict=True):
        assert code, (words, out)
        assert err, words
        assert "Traceback" not in err, (words, err)


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({}, "run `manage.py migrate` first"),
        ({"DATABASE_URL": "postgres://x@127.0.0.1:1/x"}, "The database cannot be used"),
        ({"DATABASE_URL": "sqlite:////nowhere/shop.sqlite3"}, "cannot be used"),
        ({"SERVICES": "nowhere"}, "The configuration is wrong: SERVICES may name"),
    ],
)
def test_a_wrong_environment_is_told_in_one_line(run, environment, sentence):
    [(code, _, err)] = run(["rotate_keys"], **environment)

    assert code
    assert sentence in err
    assert "Traceback" not in err
    assert err.count("\n") == 1


@pytest.mark.slow
def test_a_shop_is_filled_once_by_two_at_once(run):
    both = run(["demo", "--migrate"], ["demo", "--migrate"])
    [(_, third, _)] = run(["demo"])

    assert [code for code, _, _ in both] == [0, 0], both
    assert sorted(out.split("\n")[0] for _, out, _ in both) == ["accounts: 0 people added", "accounts: 5 people added"]
    assert "orders: 0 orders placed" in third


@pytest.mark.slow
def test_two_that_register_a_client_at_once_agree_on_its_secret(run, tmp_path):
    run(["migrate"])
    path = tmp_path / "orders.secret"
    words = ["register_client", *RIGHTS, "--secret-file", str(path)]

    both = run(words, words, words)

    assert sorted(out for _, out, _ in both) == ["orders: nothing to change\n"] * 2 + ["orders: registered\n"]
    assert [name for name in os.listdir(tmp_path) if "secret" in name] == ["orders.secret"]


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.7, 1.2, 1.5, 1.8])
def test_what_was_killed_half_way_is_completed_by_a_later_run(start, run, seconds):
    first = start("demo", "--migrate")
    time.sleep(seconds)
    first.send_signal(signal.SIGKILL)
    first.wait()

    [(code, _, err)] = run(["demo", "--migrate"])
    [(_, again, _)] = run(["demo"])
    [(books, _, _)] = run(["reconcile"])

    assert (code, err, books) == (0, "", 0)
    assert "0 people added\norders: 0 orders placed" in again.replace("products: 0 products added\n", "")


@pytest.mark.slow
@pytest.mark.parametrize("service", sorted(SERVICES))
def test_a_migration_that_was_killed_before_it_was_noted_is_done_again(run, tmp_path, service):
    own = for_child(DATABASE_URL=f"sqlite:///{tmp_path / 'shop.sqlite3'}", DJANGO_SETTINGS_MODULE="config.settings")
    dying = [sys.executable, "-c", DIE_AT_A_NOTE, service, "0001_initial"]

    died = subprocess.run(dying, cwd=settings.BASE_DIR, env=own, timeout=60, check=False).returncode
    [(code, _, err)] = run(["migrate", "--verbosity=0"])

    assert (died, code, err) == (9, 0, "")


@pytest.mark.slow
@pytest.mark.parametrize(
    "place", ["products.personal_data.erase:before", "accounts.people.erasure.forget_person:before"]
)
def test_who_was_erased_half_way_is_found_again_by_the_address(run, place):
    command = ["erase_person", "carol@example.com", "--yes"]
    run(["demo", "--migrate"])

    [(died, _, _)] = run(command, FAILPOINT=place)
    [(code, out, err)] = run(command)

    assert (died, code, err) == (-signal.SIGKILL, 0, "")
    assert {line.partition(":")[0] for line in out.splitlines()} == {*SERVICES}


@pytest.mark.slow
def test_a_service_that_only_reads_rests_in_the_demo(run):
    [(code, out, _)] = run(["demo", "--migrate"], READ_ONLY="orders")

    assert code == 0
    assert "orders: nothing added, since it only reads for now (READ_ONLY)" in out
    assert "accounts: 5 people added" in out
