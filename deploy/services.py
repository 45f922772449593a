"""The same code as three services behind nginx, on this machine: `make services`."""

import argparse
import os
import secrets
import shlex
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from string import Template
from typing import NamedTuple

from honcho.manager import Manager

ROOT = Path(__file__).resolve().parent.parent
GATEWAY = ROOT / "deploy" / "gateway"
SERVICES = ("accounts", "products", "orders")
CLIENT = "orders.client"
"""The file of the secret with which orders logs in."""
THREADS = 32
"""Requests that one process answers at once."""
PATIENCE = 60.0
"""Seconds in which a service must be ready."""
NO_NGINX = """\
nginx is needed for the gateway in front of the services, and is not installed:
  Debian, Ubuntu   sudo apt-get install nginx-light
  Fedora           sudo dnf install nginx
  macOS            brew install nginx
Or try Tessera as one process, which needs none: make run"""


class Split(NamedTuple):
    """Three services and their gateway: what they write is in `folder`, `ports` are those of the services.

    `databases` is the address of a PostgreSQL server with the beginning of a name
    (`postgres://me@localhost/tessera` makes `tessera_accounts` and so on); empty means SQLite.
    """

    folder: Path
    port: int
    ports: dict[str, int]
    databases: str = ""

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def url_of(self, service: str) -> str:
        return f"http://127.0.0.1:{self.ports[service]}"


def environment(split: Split, service: str) -> dict[str, str]:
    """What makes a process of this code that service."""
    own = {
        "SERVICES": service,
        "DATABASE_URL": database(split, service),
        "SECRET_KEY_FILE": keep_secret(split, f"{service}.key"),
        "ISSUER": split.url,
        "ACCOUNTS_URL": split.url_of("accounts"),
        "PRODUCTS_URL": split.url_of("products"),
        "PROXIES": "1",
    }
    if service == "orders":
        own |= {"CLIENT_ID": "orders", "CLIENT_SECRET_FILE": keep_secret(split, CLIENT)}
    return own


def database(split: Split, service: str) -> str:
    if split.databases:
        return f"{split.databases}_{service}"

    return f"sqlite:///{split.folder / service}.sqlite3"


def keep_secret(split: Split, name: str) -> str:
    """The path of a file with a secret of this shop, made if there is none."""
    path = split.folder / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(50))
    return str(path)


# The gateway ------------------------------------------------------------------------------------


def write_gateway(
    folder: Path, listen: str, upstreams: dict[str, str], *, rate: int = 100, patience: int = 10
) -> list[str]:
    """Fill in the gateway's configuration; the command that runs it.

    `upstreams` are host:port by service, `rate` is requests a second from one address, and `patience`
    the seconds that an answer may take.
    """
    for name in ("", "temp", "files"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for file in (*GATEWAY.glob("error.*"), *ROOT.glob("openapi.json")):
        shutil.copy(file, folder / "files")

    names = {service.upper(): address for service, address in upstreams.items()}
    template = Template((GATEWAY / "tessera.conf.template").read_text())
    filled = template.safe_substitute(names, LISTEN=listen, FILES=folder / "files", RATE=rate, PATIENCE=patience)
    (folder / "tessera.conf").write_text(filled)
    shutil.copy(GATEWAY / "nginx.conf", folder)
    # Started by root it would become another user, who may not read here.
    as_root = ["-g", "user root;"] if os.geteuid() == 0 else []
    return ["nginx", "-p", f"{folder}/", "-c", "nginx.conf", "-e", "stderr", *as_root]


def gateway(split: Split) -> list[str]:
    upstreams = {service: f"127.0.0.1:{port}" for service, port in split.ports.items()}
    return write_gateway(split.folder / "gateway", f"127.0.0.1:{split.port}", upstreams)


# What is done before anything is served ---------------------------------------------------------


def prepare(split: Split) -> None:
    """Databases, the demo's people and products, and the client that orders is to accounts."""
    if split.databases:
        for service in SERVICES:
            make_database(split, service)
    secret = shlex.quote(keep_secret(split, CLIENT))
    register = f"register_client orders --scope stock:reserve --audience products --secret-file {secret}"
    run_all(split, dict.fromkeys(SERVICES, "migrate --verbosity 0"))
    run_all(split, {"products": "demo", "accounts": register})
    run_all(split, {"accounts": "demo"})


def make_database(split: Split, service: str) -> None:
    """Have a database on the server if there is none of that name yet."""
    import psycopg  # noqa: PLC0415 - only where PostgreSQL is used

    server, _, name = database(split, service).rpartition("/")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            connection.execute(f'CREATE DATABASE "{name}"')


def run_all(split: Split, commands: dict[str, str]) -> None:
    """Run a command of `manage.py` for each of some services, side by side; end if one fails."""
    running = [run(split, service, command) for service, command in commands.items()]
    codes = [process.wait() for process in running]
    if any(codes):
        sys.exit(1)


def run(split: Split, service: str, command: str) -> "subprocess.Popen[bytes]":
    words = [sys.executable, "manage.py", *shlex.split(command)]
    return subprocess.Popen(words, cwd=ROOT, env=os.environ | environment(split, service))  # noqa: S603


# Serving ----------------------------------------------------------------------------------------


def serve(split: Split) -> int:
    """Run everything until Ctrl-C, or until one of them ends; the exit code."""
    manager = Manager()
    manager.add_process("gateway", shlex.join(["exec", *gateway(split)]), cwd=str(ROOT))
    for service in SERVICES:
        own = os.environ | environment(split, service)
        manager.add_process(service, command(split, service), env=own, cwd=str(ROOT))
        manager.add_process(f"{service}-work", f"exec {manage()} work", env=own, cwd=str(ROOT))
    manager.loop()
    return int(manager.returncode or 0)


def command(split: Split, service: str) -> str:
    """How a service is served. The demo's orders are placed once products can be asked to hold them."""
    server = f"exec {shlex.join(granian(split.ports[service]))}"
    if service != "orders":
        return server

    neighbours = f"{split.url_of('accounts')} {split.url_of('products')}"
    waiting = f"{shlex.quote(sys.executable)} deploy/services.py --await {neighbours}"
    return f"{waiting} && {manage()} demo && {server}"


def granian(port: int, host: str = "127.0.0.1") -> list[str]:
    options = f"--interface wsgi --no-ws --workers 1 --blocking-threads {THREADS} --host {host} --port {port}"
    return [sys.executable, "-m", "granian", *options.split(), "config.wsgi:application"]


def manage() -> str:
    return f"{shlex.quote(sys.executable)} manage.py"


def wait(urls: Iterable[str]) -> None:
    """Come back when all of these may serve; end if one does not in time."""
    deadline = time.monotonic() + PATIENCE
    for url in urls:
        while not is_ready(url):
            if time.monotonic() > deadline:
                sys.exit(f"{url} is not ready.")
            time.sleep(0.2)


def is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except OSError:
        return False


def refuse_taken(ports: Iterable[int]) -> None:
    """End if somebody listens on one of these ports already."""
    for port in ports:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                sys.exit(f"Port {port} is taken by another program; choose others: make services PORT=9080")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8080, help="of the gateway; the services take the next three")
    parser.add_argument("--databases", default="", help="postgres://user@host/name; without it SQLite in var/")
    parser.add_argument("--await", nargs="+", dest="urls", help="only wait until these may serve")
    options = parser.parse_args()
    if options.urls:
        wait(options.urls)
        return 0
    if not shutil.which("nginx"):
        sys.exit(NO_NGINX)

    ports = {service: options.port + number for number, service in enumerate(SERVICES, start=1)}
    split = Split(ROOT / "var" / "services", options.port, ports, options.databases)
    refuse_taken([split.port, *ports.values()])
    prepare(split)
    print(f"\nTessera is at {split.url}, as three services; Ctrl-C ends them.\n", flush=True)  # noqa: T201
    return serve(split)


if __name__ == "__main__":
    sys.exit(main())
