"""A split shop whose services are of this release or of the last one, and change places while it is open."""

import shlex
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from django.conf import settings

from deploy.render import list_clients
from deploy.services import Split, environment, keep_secret
from tests.journeys.databases import find_server, read_address
from tests.journeys.processes import Process, free_port, manage
from tests.journeys.split.shapes import QUIET, Shape, routing, working
from tokens.registry import by_calls, services

NOW = settings.BASE_DIR
NAMED = settings.BASE_DIR / "deploy" / "last_release"
"""The commit of the release before this one."""


def unpack(folder: Path) -> Path:
    """The code of the last release, in a folder; skips where its commit is not at hand."""
    archive = ["git", "archive", "--format=tar", NAMED.read_text().strip()]
    try:
        done = subprocess.run(archive, cwd=NOW, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("the commit of the last release is not in this checkout")
    subprocess.run(["tar", "-x", "-C", str(folder)], input=done.stdout, check=True)
    return folder


class Mixed(Shape):
    """The services behind the gateway; `roots` says whose code each of them runs."""

    def __init__(self, split: Split, before: Path, stack: ExitStack) -> None:
        environments = {service: environment(split, service) | QUIET for service in by_calls()}
        super().__init__("mixed", split.url, environments, split.folder / "gateway.log")
        self.split, self.before, self.stack = split, before, stack
        self.roots = dict.fromkeys(by_calls(), before)
        self.workers: dict[str, ExitStack] = {}

    def prepare(self) -> None:
        """The databases as the last release leaves them, and its clients."""
        for service in by_calls():
            self.manage(service, "migrate", "--verbosity", "0")
        for client in list_clients():
            secret = keep_secret(self.split, f"{client['client']}.client")
            self.manage("accounts", *shlex.split(client["register"]), "--secret-file", secret)

    def manage(self, service: str, *arguments: str) -> str:
        return manage(self.environments[service], *arguments, root=self.roots[service])

    def migrate(self) -> None:
        """What a deployment does first, while the release before still serves."""
        for service in by_calls():
            manage(self.environments[service], "migrate", "--verbosity", "0", root=NOW)

    def start(self, service: str) -> None:
        root, log = self.roots[service], self.split.folder / f"{service}.log"
        process = Process(self.environments[service], log, port=self.split.ports[service], root=root)
        self.processes[service] = process
        self.stack.callback(process.stop)
        if services()[service].calls:
            self.work(service)

    def work(self, service: str) -> None:
        if service in self.workers:
            self.workers.pop(service).close()
        worker = self.workers[service] = self.stack.enter_context(ExitStack())
        log = self.split.folder / f"{service}-work.log"
        worker.enter_context(working(self.environments[service], log, root=self.roots[service]))

    def verify_emails(self) -> None:
        """Take the addresses for confirmed of whom the release before has registered, as docs/upgrade.md says."""
        self.manage("accounts", "verify_email", "--created-before", "2100-01-01")

    def become(self, roots: dict[str, Path]) -> None:
        """Restart what is to run other code."""
        for service in [name for name in by_calls() if roots[name] != self.roots[name]]:
            self.roots[service] = roots[service]
            self.processes[service].stop()
            if service == "accounts" and roots[service] == NOW:
                self.verify_emails()
            self.start(service)


@contextmanager
def opened(kind: str, folder: Path, before: Path) -> Iterator[Mixed]:
    """A shop of the last release, with all databases of one kind."""
    with ExitStack() as stack:
        databases = stack.enter_context(servers(kind))
        split = Split(folder, free_port(), {service: free_port() for service in by_calls()}, databases)
        shop = Mixed(split, before, stack)
        shop.prepare()
        for service in by_calls():
            if not services()[service].calls:
                shop.manage(service, "demo")
            shop.start(service)
        for service in [name for name in by_calls() if services()[name].calls]:
            shop.manage(service, "demo")
        stack.enter_context(routing(folder / "gateway", split.port, split.ports))
        yield shop


@contextmanager
def servers(kind: str) -> Iterator[str]:
    """Where the databases are, as `Split` takes it; those on PostgreSQL are made here, and go away."""
    if kind == "sqlite":
        yield ""
        return

    psycopg = pytest.importorskip("psycopg", reason="PostgreSQL: psycopg is not installed")
    name = f"tessera_{uuid.uuid4().hex[:12]}"
    try:
        connection = psycopg.connect(**read_address(f"{find_server()}/postgres"), autocommit=True, connect_timeout=3)
    except psycopg.OperationalError:
        pytest.skip("PostgreSQL does not answer")
    with connection:
        for service in by_calls():
            connection.execute(f'CREATE DATABASE "{name}_{service}"')
        try:
            yield f"{find_server()}/{name}"
        finally:
            for service in by_calls():
                with suppress(psycopg.Error):
                    connection.execute(f'DROP DATABASE "{name}_{service}" WITH (FORCE)')
