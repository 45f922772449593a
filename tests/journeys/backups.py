"""Backups of a service's database as docs/back-up.md has them, and services that each have one of their own."""

import shutil
import sqlite3
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
import requests

from tests.journeys import databases
from tests.journeys.processes import Process, free_port, manage, try_manage
from tokens.registry import by_calls, services
from wire.demo import PASSWORD
from wire.secret_files import keep_secret

CLIENT = ["orders", "--scope", "stock:reserve", "--audience", "products", "--secret-file"]
REFUSED_WITHIN = 15
"""Seconds in which a void token must be refused everywhere, on a machine that is busy."""


def back_up(url: str, folder: Path) -> Path:
    """A copy of a database that may be in use, in a file of its own."""
    path = folder / f"{uuid.uuid4().hex}.backup"
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(file_of(url))) as connection:
            connection.execute(f"VACUUM INTO '{path}'")
    else:
        run("pg_dump", "--format=custom", f"--file={path}", url)
    return path


def restore(path: Path, url: str) -> None:
    """Make a database what it was when `path` was made of it. Nobody may use it."""
    if url.startswith("sqlite"):
        for ending in ("", "-wal", "-shm"):
            Path(f"{file_of(url)}{ending}").unlink(missing_ok=True)
        shutil.copy(path, file_of(url))
    else:
        server, name = databases.find_server(), url.rpartition("/")[2]
        run("dropdb", f"--maintenance-db={server}/postgres", "--force", name)
        run("createdb", f"--maintenance-db={server}/postgres", name)
        run("pg_restore", "--no-owner", "--exit-on-error", f"--dbname={url}", str(path))


def file_of(url: str) -> str:
    return url.removeprefix("sqlite:///")


def run(program: str, *words: str) -> None:
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    subprocess.run([program, *words], check=True, capture_output=True)


class Services:
    """Accounts, products and orders with the demo in them, each with a database of its own; no gateway, no worker."""

    def __init__(self, kind: str, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.ports = {name: free_port() for name in by_calls()}
        self.urls = {name: f"http://127.0.0.1:{port}" for name, port in self.ports.items()}
        self.databases = {name: stack.enter_context(databases.fresh(kind, folder)) for name in by_calls()}
        self.environments = {name: self.environment(name) for name in by_calls()}
        keep_secret(folder / "orders.client")
        for name in by_calls():
            self.manage(name, "migrate", "--verbosity", "0")
        self.manage("accounts", "register_client", *CLIENT, str(folder / "orders.client"))
        for name in ("accounts", "products"):
            self.manage(name, "demo")
        self.processes: dict[str, Process] = {}
        for name in by_calls():
            self.start(name)
        stack.callback(lambda: [process.stop() for process in self.processes.values()])

    def environment(self, name: str) -> dict[str, str]:
        calls = {"CLIENT_ID": name, "CLIENT_SECRET_FILE": str(self.folder / f"{name}.client")}
        return {
            "SERVICES": name,
            "DATABASE_URL": self.databases[name],
            "ISSUER": self.urls["accounts"],
            "LOG_LEVEL": "WARNING",
            **{f"{neighbour.upper()}_URL": url for neighbour, url in self.urls.items()},
            **(calls if services()[name].calls else {}),
        }

    def start(self, name: str) -> None:
        self.processes[name] = Process(self.environments[name], self.folder / f"{name}.log", port=self.ports[name])

    def manage(self, name: str, *words: str) -> str:
        return manage(self.environments[name], *words)

    def back_up(self, name: str) -> Path:
        return back_up(self.databases[name], self.folder)

    def restore(self, name: str, path: Path) -> str:
        """Stop a service, restore its database, and start it again as docs/back-up.md says; what the command said."""
        self.processes[name].stop()
        restore(path, self.databases[name])
        self.manage(name, "migrate", "--verbosity", "0")
        told = self.manage(name, "after_restore", "--again")
        self.start(name)
        return told

    def differences(self, name: str) -> str:
        """What `reconcile` finds at a service; empty if nothing differs."""
        code, told = try_manage(self.environments[name], "reconcile")
        return told if code else ""

    def mend(self) -> str:
        """What `reconcile --mend` says at orders, whether or not it could put everything right."""
        return try_manage(self.environments["orders"], "reconcile", "--mend")[1]

    def ask(self, method: str, path: str, token: str = "", **options) -> requests.Response:
        """The answer of the service that a path belongs to."""
        named = path.removeprefix("/api/").partition("/")[0]
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= options.pop("headers", {})
        url = self.urls.get(named, self.urls["accounts"])
        return requests.request(method, f"{url}{path}", headers=headers, timeout=30, **options)

    def log_in(self, name: str) -> dict[str, str]:
        answer = self.ask("POST", "/api/token/", json={"email": f"{name}@example.com", "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refresh(self, tokens: dict[str, str]) -> requests.Response:
        return self.ask("POST", "/api/token/refresh/", json={"refresh": tokens["refresh"]})

    def log_out(self, tokens: dict[str, str]) -> None:
        answer = self.ask("POST", "/api/token/blacklist/", json={"refresh": tokens["refresh"]})
        assert answer.status_code < 300, answer.text

    def statuses(self, tokens: dict[str, str]) -> set[int]:
        """What the services answer to somebody's access token."""
        paths = ("/api/accounts/me/", "/api/products/", "/api/orders/")
        return {self.ask("GET", path, tokens["access"]).status_code for path in paths}

    def await_refusal(self, *several: dict[str, str]) -> None:
        """Come back once every service refuses some tokens."""
        deadline = time.monotonic() + REFUSED_WITHIN
        while any(self.statuses(tokens) != {401} for tokens in several):
            assert time.monotonic() < deadline, [self.statuses(tokens) for tokens in several]
            time.sleep(0.2)

    def place(self, tokens: dict[str, str], product: str, units: int = 1, key: str = "") -> requests.Response:
        body = {"lines": [{"product": product, "quantity": units}]}
        headers = {"Idempotency-Key": f'"{key or uuid.uuid4()}"'}
        return self.ask("POST", "/api/orders/", tokens["access"], json=body, headers=headers)

    def act(self, tokens: dict[str, str], order: str, action: str, **body: str) -> requests.Response:
        return self.ask("POST", f"/api/orders/{order}/{action}/", tokens["access"], json=body)


@contextmanager
def opened(kind: str, folder: Path) -> Iterator[Services]:
    with ExitStack() as stack:
        yield Services(kind, folder, stack)
