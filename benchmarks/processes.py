"""Servers on loopback, each alone with its port, and the CPU that they and their database use."""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.databases import FOLDER, ROOT, backends

SECRET = "benchmark-peer-secret-0123456789-0123456789-0123456789"
HOST = "shop.example"


@dataclass
class Server:
    """A running server; `pid` is its first process."""

    name: str
    port: int
    process: subprocess.Popen
    database: str
    children: list[int] = field(default_factory=list)

    def look(self) -> None:
        """Learn which processes there are; to be called when it is warm."""
        self.children = [self.process.pid, *descendants(self.process.pid)]

    def cpu(self) -> float:
        """Seconds of CPU that the server has used."""
        return sum(map(cpu_of, self.children))

    def memory(self) -> int:
        """Bytes of the largest of its processes (what one worker takes)."""
        return max(map(memory_of, self.children))


def descendants(pid: int) -> list[int]:
    children = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            children += [child, *descendants(child)]
    return children


def cpu_of(pid: int) -> float:
    """Seconds of CPU of all threads of a process, to the nanosecond."""
    try:
        return (
            sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir()) / 1e9
        )
    except (FileNotFoundError, ProcessLookupError):
        return 0.0


def memory_of(pid: int) -> int:
    """Bytes of a process that no other shares, and its part of those shared."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise LookupError(pid)


def database_cpu(url: str) -> dict[int, float]:
    """Seconds of CPU of each backend of PostgreSQL that serves a database; SQLite has none of its own."""
    return {pid: cpu_of(pid) for pid in backends(url)}


# What is served ---------------------------------------------------------------------------------


def tessera_environment(url: str) -> dict[str, str]:
    """Tessera as in production, behind a gateway that speaks TLS; nobody here logs each request."""
    return os.environ | {
        "DATABASE_URL": url,
        "DEBUG": "off",
        "SECRET_KEY": "benchmark-only-0123456789-0123456789-0123456789-0123456789",
        "ISSUER": f"https://{HOST}",
        "ALLOWED_HOSTS": f"{HOST},127.0.0.1",
        "PROXIES": "1",
        "STAFF_FACTORS": "1",
        "LOG_LEVEL": "ERROR",
        "EMAIL_URL": "dummymail://",
        "PYTHONWARNINGS": "ignore",
        "ORDERS_PER_DAY": "1000000",
        "REJECTED_ORDERS_PER_DAY": "1000000",
        "UNPAID_ORDERS": "1000000",
        "UNPAID_UNITS": "100000000",
    }


GRANIAN = [
    "granian",
    "--interface",
    "wsgi",
    "--no-ws",
    "--log-level",
    "error",
]
UVICORN = ["uvicorn", "--no-access-log", "--log-level", "error"]


@dataclass(frozen=True)
class Kind:
    """How one peer is started, and what must be installed for it."""

    command: tuple[str, ...]
    modules: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    is_python: bool = True

    def missing(self) -> str:
        """What is not installed; empty if all is."""
        if not self.is_python:
            node = shutil.which("node")
            return "" if node and (ROOT / "benchmarks/peers/fastify/node_modules").is_dir() else "node and npm ci"
        return " ".join(name for name in self.modules if importlib.util.find_spec(name) is None)


KINDS = {
    "Tessera": Kind((*GRANIAN, "config.wsgi:application"), ("granian", "psycopg")),
    "DRF + SimpleJWT": Kind((*GRANIAN, "benchmarks.peers.drf.wsgi:application"), ("granian",)),
    # As `startproject` leaves it: a connection for each request.
    "DRF + SimpleJWT, Django's default": Kind(
        (*GRANIAN, "benchmarks.peers.drf.wsgi:application"), ("granian",), (("PEER_DEFAULT", "1"),)
    ),
    "DRF + SimpleJWT stateless": Kind(
        (*GRANIAN, "benchmarks.peers.drf.wsgi:application"), ("granian",), (("PEER_STATELESS", "1"),)
    ),
    # As where it is installed alone: without what DRF finds of the libraries that are here for Tessera.
    "DRF + SimpleJWT stateless, bare": Kind(
        (*GRANIAN, "benchmarks.peers.drf.wsgi:application"), ("granian",), (("PEER_STATELESS", "1"), ("PEER_BARE", "1"))
    ),
    "DRF + SimpleJWT stateless, Django's default": Kind(
        (*GRANIAN, "benchmarks.peers.drf.wsgi:application"),
        ("granian",),
        (("PEER_STATELESS", "1"), ("PEER_DEFAULT", "1")),
    ),
    "DRF with the same promises": Kind(
        (*GRANIAN, "benchmarks.peers.drf.wsgi:application"),
        ("granian",),
        (("PEER_STATELESS", "1"), ("PEER_PROMISES", "1")),
    ),
    "django-ninja + ninja-jwt": Kind(
        (*GRANIAN, "benchmarks.peers.ninja.wsgi:application"), ("granian", "ninja", "ninja_jwt")
    ),
    "FastAPI + SQLAlchemy": Kind(
        (*UVICORN, "benchmarks.peers.fastapi_sqlalchemy:app"), ("uvicorn", "fastapi", "sqlalchemy")
    ),
    "FastAPI + asyncpg": Kind((*UVICORN, "benchmarks.peers.fastapi_asyncpg:app"), ("uvicorn", "fastapi", "asyncpg")),
    "Fastify + pg": Kind(("node", "benchmarks/peers/fastify/server.mjs"), is_python=False),
}


@contextmanager
def serving(
    name: str, url: str, *, workers: int = 1, python: str = sys.executable, **environment: str
) -> Iterator[Server]:
    """A server of that name on a database, ended when it is let go; `environment` is what it is told besides."""
    kind, port = KINDS[name], free_port()
    command = list(kind.command)
    if kind.is_python:
        command = [
            str(Path(python).parent / command[0]),
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            *command[1:],
        ]
    own = {
        "PEER_SECRET": SECRET,
        "PORT": str(port),
        "NODE_ENV": "production",
        **dict(kind.environment),
        "GRANIAN_WORKERS": str(workers),
        "GRANIAN_BLOCKING_THREADS": "1",
        # As in an image: what is imported was compiled before.
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(FOLDER / "bytecode"),
        **environment,
    }
    surroundings = (tessera_environment(url) if name == "Tessera" else os.environ | {"DATABASE_URL": url}) | own
    with subprocess.Popen(
        command, env=surroundings, cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            wait_for(port, process)
            yield Server(name, port, process, url)
        finally:
            stop(process)


def stop(process: subprocess.Popen) -> None:
    """End a server and its workers; they are a group of their own."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(8)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)


def free_port() -> int:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        return line.getsockname()[1]


def wait_for(port: int, process: subprocess.Popen, patience: float = 30) -> None:
    """Until somebody listens; raises `RuntimeError` if nobody does."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args[0]} ended with {process.returncode}")
        with socket.socket() as line:
            if line.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"nobody listens on {port}")
