"""`manage.py startservice`: one folder, and it is a service everywhere."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from wire.demo import PASSWORD

READER = ["--scope", "pebbles:read", "--audience", "pebbles"]
STRANGER = "from products.models import Product  # noqa: F401\n"
APART = shutil.ignore_patterns(
    ".git", ".venv", "var", "node_modules", "__pycache__", ".*_cache", ".hypothesis", "*.pyc"
)


def own_environment(**more):
    kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "SERVICES", "ISSUER")}
    return kept | {"PYTHONDONTWRITEBYTECODE": "1", "LOG_LEVEL": "ERROR"} | more


def python(folder, *arguments, **environment):
    command = [sys.executable, *arguments]
    own = own_environment(**environment)
    done = subprocess.run(command, cwd=folder, env=own, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def files_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """A scratch copy in which the service was started, and its files before that."""
    folder = tmp_path_factory.mktemp("scratch") / "tessera"
    shutil.copytree(settings.BASE_DIR, folder, ignore=APART)
    before = files_of(folder)
    python(folder, "manage.py", "startservice", "pebbles")
    return folder, before


@pytest.fixture(scope="module")
def copy(started):
    return started[0]


@pytest.mark.slow
def test_nothing_outside_its_folder_is_touched(started):
    folder, before = started
    after = {path: text for path, text in files_of(folder).items() if path.parts[0] != "var"}

    changed = {path.parts[0] for path in after if after[path] != before.get(path)}

    assert changed == {"pebbles"}
    assert set(before) <= set(after)


@pytest.mark.slow
def test_its_tests_pass_and_those_of_the_boundaries(copy):
    paths = ["pebbles", "tests/test_boundaries.py", "tests/test_open_addresses.py", "tests/tokens/test_registry.py"]
    paths += ["tests/accounts/test_cookie_size.py::test_the_access_cookie_of_anybody_fits"]
    paths += ["tests/accounts/test_log_in.py", "tests/wire/test_pages.py"]

    said = python(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", *paths)

    assert " passed" in said


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ["manage.py", "makemigrations", "--check"],
        ["manage.py", "openapi", "--check"],
        [".ci/lint_imports.py"],
        [".ci/on_postgresql.py", sys.executable, ".ci/lint_migrations.py"],
        ["-m", "ruff", "check", "."],
        ["-m", "ruff", "format", "--check", "."],
        ["-m", "mypy", "pebbles"],
        ["-m", "deptry", "."],
    ],
    ids=" ".join,
)
def test_every_check_passes(copy, command):
    python(copy, *command)


@pytest.mark.slow
def test_its_page_is_formatted_as_every_template_is(copy):
    [page] = (copy / "pebbles" / "templates").rglob("*.html")

    done = subprocess.run([Path(sys.executable).with_name("djade"), "--check", page], check=False)

    assert done.returncode == 0


@pytest.mark.slow
def test_an_import_of_another_service_breaks_a_contract(copy):
    module = copy / "pebbles" / "adding.py"
    text = module.read_text()
    module.write_text(text.replace("from pebbles.models", f"{STRANGER}from pebbles.models"))

    command = [sys.executable, ".ci/lint_imports.py"]
    done = subprocess.run(command, cwd=copy, env=own_environment(), capture_output=True, text=True, check=False)
    module.write_text(text)

    assert done.returncode == 1
    assert "pebbles.adding -> products.models" in done.stdout


# Running ----------------------------------------------------------------------------------------


class Shop:
    """A running shop, asked over HTTP."""

    def __init__(self, copy, port, accounts):
        self.copy, self.accounts = copy, accounts
        self.url = f"http://localhost:{port}"

    def ask(self, path, body=None, token="", **headers):
        headers |= {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def log_in(self, name):
        _, text = self.ask("/api/token/", {"email": f"{name}@example.com", "password": PASSWORD})
        return json.loads(text)["access"]

    def machine(self):
        """The token of a client that may read and nothing else."""
        secret = python(self.copy, "manage.py", "register_client", "reader", *READER, **self.accounts).strip()
        form = f"grant_type=client_credentials&client_id=reader&client_secret={secret}"
        request = urllib.request.Request(f"{self.url}/oauth/token", form.encode())
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)["access_token"]

    def is_ready(self):
        try:
            return self.ask("/api/pebbles/")[0] == 401 and self.ask("/api/orders/")[0] == 401
        except OSError:
            return False


@contextmanager
def running(copy, command, port, **accounts):
    """A shop while it runs; `accounts` is the environment of its accounts."""
    own = own_environment(ISSUER=f"http://localhost:{port}")
    process = subprocess.Popen([sys.executable, *command], cwd=copy, env=own, start_new_session=True)
    shop, deadline = Shop(copy, port, accounts), time.monotonic() + 90
    try:
        while not shop.is_ready():
            assert process.poll() is None, "it ended"
            assert time.monotonic() < deadline, "it is not ready"
            time.sleep(0.3)
        yield shop
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def free_ports(count):
    """The first of so many ports in a row that nobody listens on."""
    for first in range(21000, 29000, 10):
        probes = [socket.socket() for _ in range(count)]
        try:
            for number, probe in enumerate(probes):
                probe.bind(("127.0.0.1", first + number))
        except OSError:
            continue
        finally:
            for probe in probes:
                probe.close()
        return first
    return pytest.fail("no port is free")


@pytest.fixture(scope="module", params=["one process", "apart"])
def shop(request, copy):
    port = free_ports(6)
    if request.param == "apart":
        if not shutil.which("nginx"):
            pytest.skip("nginx is not installed")
        accounts = {"SERVICES": "accounts", "DATABASE_URL": f"sqlite:///{copy}/var/services/accounts.sqlite3"}
        with running(copy, ["deploy/services.py", "--port", str(port)], port, **accounts) as shop:
            yield shop
        return

    python(copy, "manage.py", "demo", "--migrate", ISSUER=f"http://localhost:{port}")
    with running(copy, ["manage.py", "runserver", "--noreload", str(port)], port) as shop:
        yield shop


@pytest.mark.slow
def test_alice_writes_one_and_who_lacks_the_scope_is_refused(shop):
    alice, bob = shop.log_in("alice"), shop.log_in("bob")

    status, text = shop.ask("/api/pebbles/", {"text": "Good tea"}, alice)
    listed = json.loads(shop.ask("/api/pebbles/", token=bob)[1])["results"]
    machine = shop.ask("/api/pebbles/", {"text": "Bad tea"}, shop.machine())

    assert (status, json.loads(text)["by"]) == (201, "Alice")
    assert (listed[0]["text"], listed[0]["by"]) == ("Good tea", "Alice")
    assert (machine[0], json.loads(machine[1])["code"]) == (403, "insufficient-scope")


@pytest.mark.slow
def test_staff_see_it_in_the_admin(shop):
    cookie = f"access={shop.log_in('admin')}"

    index, section = shop.ask("/admin/", Cookie=cookie), shop.ask("/admin/pebbles/pebble/", Cookie=cookie)

    assert (index[0], section[0]) == (200, 200)
    assert "/admin/pebbles/pebble/" in index[1]
    assert "The first of many." in section[1]


@pytest.mark.slow
def test_the_menu_and_the_document_have_it(shop):
    page = shop.ask("/products/", Cookie=f"access={shop.log_in('alice')}")[1]

    assert '<a href="/pebbles/">Pebbles</a>' in page
    assert "/api/pebbles/" in json.loads(shop.ask("/api/schema/")[1])["paths"]


# Refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Pebbles", "peb-bles", "1st", "revüs", "r" * 31, ""])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(CommandError, match="a name is of at most 30 letters"):
        call_command("startservice", name)


@pytest.mark.parametrize("name", ["orders", "json", "admin", "token", "static", "login", "docs", "django", "messages"])
def test_a_name_that_is_taken_is_refused(name):
    with pytest.raises(CommandError, match=f"{name} is taken"):
        call_command("startservice", name)


@pytest.mark.parametrize("name", ["actors", "views", "testing", "texts"])
def test_a_name_that_would_hide_what_the_template_means_is_refused(name):
    with pytest.raises(CommandError, match="is a word of the template"):
        call_command("startservice", name)


@pytest.mark.parametrize("name", ["returns", "events", "leases"])
def test_a_name_whose_model_could_not_be_called_so_is_refused(name):
    with pytest.raises(CommandError, match=f"'{name[:-1]}' is a word of Python's, or a model that every service has"):
        call_command("startservice", name)
