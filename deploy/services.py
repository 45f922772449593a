"""The same code as services behind nginx, on this machine: `make services`."""

import argparse
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from string import Template
from typing import NamedTuple

from honcho.manager import Manager

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from config.environment import for_child  # noqa: E402
from database.atomic_file import open_beside, write_file  # noqa: E402
from deploy import console, render  # noqa: E402
from tokens.registry import by_calls, services  # noqa: E402
from wire.secret_files import BadSecretFile  # noqa: E402
from wire.secret_files import keep_secret as keep_secret_file  # noqa: E402

HIGHEST_PORT = 65_535
PATIENCE = 60.0
"""Seconds in which a service must be ready."""
NO_NGINX = """\
nginx is needed for the gateway in front of the services, and is not installed:
  Debian, Ubuntu   sudo apt-get install nginx-light
  Fedora           sudo dnf install nginx
  macOS            brew install nginx
Or try Tessera as one process, which needs none: make run"""


class Split(NamedTuple):
    """The services and their gateway: what they write is in `folder`, `ports` are those of the services.

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
    calls = services()[service].calls
    own = {
        "SERVICES": service,
        "DATABASE_URL": database(split, service),
        "SECRET_KEY_FILE": keep_secret(split, f"{service}.key"),
        "ISSUER": split.url,
        "PROXIES": "1",
    } | {f"{name.upper()}_URL": split.url_of(name) for name in ("accounts", *calls)}
    if calls:
        own |= {"CLIENT_ID": service, "CLIENT_SECRET_FILE": keep_secret(split, f"{service}.client")}
    return own


def database(split: Split, service: str) -> str:
    if split.databases:
        return f"{split.databases}_{service}"

    return f"sqlite:///{split.folder / service}.sqlite3"


def keep_secret(split: Split, name: str) -> str:
    """The path of a file with a secret of this shop, made if there is none."""
    path = split.folder / name
    keep_secret_file(path)
    return str(path)


# The gateway ------------------------------------------------------------------------------------


def write_gateway(folder: Path, listen: str, upstreams: dict[str, str], **own: int) -> list[str]:
    """Fill in the gateway's configuration; the command that runs it.

    `upstreams` are host:port by service, several with commas between them. `own` may be `rate`, requests a second
    from one caller; `patience`, seconds that an answer may take; and `proxies`, the hops that are trusted, this one
    included.
    """
    (folder / "temp").mkdir(parents=True, exist_ok=True)
    render.write(folder, "gateway")
    write_openapi(folder / "openapi.json")
    names = {service.upper(): write_servers(addresses) for service, addresses in upstreams.items()}
    template = Template((folder / "tessera.conf.template").read_text())
    bounds = {"RATE": 100, "PATIENCE": 10, "PROXIES": 1} | {name.upper(): value for name, value in own.items()}
    filled = template.safe_substitute(names, LISTEN=listen, FILES=folder, **bounds)
    write_file(folder / "tessera.conf", filled)
    # Started by root it would become another user, who may not read here.
    as_root = ["-g", "user root;"] if os.geteuid() == 0 else []
    return ["nginx", "-p", f"{folder}/", "-c", "nginx.conf", "-e", "stderr", *as_root]


def write_servers(addresses: str) -> str:
    """The servers of an upstream, as upstreams.envsh writes them for nginx's image."""
    each = addresses.split(",")
    first = [f"{address} max_fails=1 fail_timeout=2s" for address in each]
    return "; server ".join([*first, *(f"{address} max_fails=0 backup" for address in each)])


def write_openapi(path: Path) -> None:
    """Write the document of the whole API, which no process alone can describe."""
    whole = for_child(SERVICES=",".join(services()))
    words = [sys.executable, "manage.py", "spectacular", "--format", "openapi-json"]
    with open_beside(path) as file:
        subprocess.run(words, cwd=ROOT, env=whole, check=True, stdout=file)  # noqa: S603


def gateway(split: Split) -> list[str]:
    upstreams = {service: f"127.0.0.1:{port}" for service, port in split.ports.items()}
    return write_gateway(split.folder / "gateway", f"127.0.0.1:{split.port}", upstreams)


# What is done before anything is served ---------------------------------------------------------


def prepare(split: Split) -> None:
    """Databases, the clients that accounts knows, and the demo of all that need no neighbour for it."""
    if split.databases:
        for service in by_calls():
            make_database(split, service)
    run_all(split, dict.fromkeys(by_calls(), "migrate --verbosity 0"))
    for client in render.list_clients():
        secret = shlex.quote(keep_secret(split, f"{client['client']}.client"))
        run_all(split, {"accounts": f"{client['register']} --secret-file {secret}"})
    run_all(split, {service: "demo" for service in by_calls() if not services()[service].calls})


def make_database(split: Split, service: str) -> None:
    """Have a database on the server if there is none of that name yet."""
    import psycopg  # noqa: PLC0415 - only where PostgreSQL is used

    server, _, name = database(split, service).rpartition("/")
    try:
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                # Another may make it at this very moment.
                with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                    connection.execute(f'CREATE DATABASE "{name}"')
    except psycopg.Error as error:
        sys.exit(f"The database {name} cannot be made or reached: {' '.join(str(error).split())}")


def run_all(split: Split, commands: dict[str, str]) -> None:
    """Run a command of `manage.py` for each of some services, side by side; end if one fails."""
    running = [run(split, service, command) for service, command in commands.items()]
    codes = [process.wait() for process in running]
    if any(codes):
        sys.exit(1)


def run(split: Split, service: str, command: str) -> "subprocess.Popen[bytes]":
    words = [sys.executable, "manage.py", *shlex.split(command)]
    return subprocess.Popen(words, cwd=ROOT, env=for_child(**environment(split, service)))  # noqa: S603


# Serving ----------------------------------------------------------------------------------------


def serve(split: Split) -> int:
    """Run everything until Ctrl-C, or until one of them ends; the exit code."""
    manager = Manager(console.Lines(prefix=True))
    manager.add_process("gateway", shlex.join(["exec", *gateway(split)]), cwd=str(ROOT))
    for service in by_calls():
        own = console.show(for_child(**environment(split, service)))
        manager.add_process(service, noting(split, service, command(split, service)), env=own, cwd=str(ROOT))
        work = noting(split, f"{service}-work", f"exec {manage()} work")
        manager.add_process(f"{service}-work", work, env=own, cwd=str(ROOT))
    return console.run(manager)


def noting(split: Split, name: str, command: str) -> str:
    """A command that first writes down its process, which leads a group of its own: for `make pause`."""
    return f"echo $$ > {shlex.quote(str(split.folder / name))}.pid && {command}"


def send(folder: Path, service: str, number: signal.Signals) -> None:
    """Send a signal to a service that runs, and to its worker; ends with a sentence if it does not run."""
    for name in (service, f"{service}-work"):
        path = folder / f"{name}.pid"
        pid = path.read_text().strip() if path.exists() else "0"
        shown = subprocess.run(["ps", "-p", pid, "-o", "command="], capture_output=True, text=True, check=False)  # noqa: S603, S607
        if sys.executable not in shown.stdout:
            sys.exit(f"{service} does not run here: start it with make services.")
        os.killpg(int(pid), number)


def command(split: Split, service: str) -> str:
    """How a service is served. Its demo runs before, and once those can be asked that it calls."""
    serving = f"exec {shlex.join(server(split.ports[service]))}"
    if not services()[service].calls:
        return serving

    urls = [split.url_of(name) for name in render.list_needed(service)]
    waiting = [shlex.join([sys.executable, "deploy/services.py", "--await", *urls])] if urls else []
    return " && ".join([*waiting, f"{manage()} demo", serving])


def server(port: int) -> list[str]:
    return [sys.executable, "-m", "config.server", "--port", str(port)]


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


def read_port(text: str) -> int:
    """A port with room for those of the services after it; raises `ArgumentTypeError`."""
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:9]) <= HIGHEST_PORT - len(services())):
        raise argparse.ArgumentTypeError(f"a port is a number from 1 to {HIGHEST_PORT - len(services())}, not {text}")

    return int(text)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=read_port, default=8080, help="of the gateway; the services take those after it")
    parser.add_argument("--databases", default="", help="postgres://user@host/name; without it SQLite in var/")
    parser.add_argument("--await", nargs="+", dest="urls", help="only wait until these may serve")
    parser.add_argument("--pause", choices=by_calls(), help="have a service that runs stand still")
    parser.add_argument("--resume", choices=by_calls(), help="have it go on")
    options = parser.parse_args()
    folder = ROOT / "var" / "services"
    if options.urls:
        wait(options.urls)
        return 0
    if options.pause or options.resume:
        send(folder, options.pause or options.resume, signal.SIGSTOP if options.pause else signal.SIGCONT)
        return 0
    if not shutil.which("nginx"):
        sys.exit(NO_NGINX)

    ports = {service: options.port + number for number, service in enumerate(by_calls(), start=1)}
    split = Split(folder, options.port, ports, options.databases)
    console.refuse_taken([split.port, *ports.values()], advice="others: make services PORT=9080")
    try:
        prepare(split)
    except (BadSecretFile, OSError) as error:
        sys.exit(str(error))
    print(f"\nTessera is at {split.url}, as {len(ports)} services; Ctrl-C ends them.\n", flush=True)  # noqa: T201
    return serve(split)


if __name__ == "__main__":
    sys.exit(main())
