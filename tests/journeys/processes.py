"""Real processes of Tessera on loopback: started, waited for until they may serve, ended by their id."""

import itertools
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

UNBOUNDED = {
    "ORDERS_PER_DAY": "1000000",
    "REJECTED_ORDERS_PER_DAY": "1000000",
    "UNPAID_ORDERS": "1000000",
    "UNPAID_UNITS": "100000000",
    "REGISTRATIONS_PER_HOUR": "1000000",
    "SESSIONS_PER_PERSON": "1000000",
    "MAILS_PER_HOUR": "1000000",
}
"""Few people order much here, and do not pay: no test depends on what another one used up."""
ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 30.0
"""Seconds in which a process must be ready, and then in which it must end."""
WIDTH = 1_000
"""Ports that are tried for each process of a test run."""
_ports = itertools.count(random.randrange(WIDTH))


class Process:
    """A server process of the code in `root`, with the processes that it started; `url` is where it listens."""

    def __init__(
        self,
        environment: Mapping[str, str],
        log: Path,
        *,
        port: int = 0,
        workers: int = 1,
        threads: int = 16,
        root: Path = ROOT,
    ) -> None:
        self.environment, self.log, self.root = dict(environment), log, root
        self.workers, self.threads = workers, threads
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        """Start it (again), and come back once it may serve."""
        self.start_anyhow()
        self.wait()

    def start_anyhow(self) -> None:
        """Start it, and let it see for itself when it may serve."""
        with self.log.open("ab") as log:
            self.popen = subprocess.Popen(
                command(self.port, self.workers, self.threads, self.root),
                cwd=self.root,
                env=os.environ | UNBOUNDED | {"THREADS": str(self.threads)} | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait(self) -> None:
        """Come back once it may serve."""
        deadline = time.monotonic() + PATIENCE
        while not is_ready(self.url):
            ended = self.popen.poll() is not None
            if ended or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"{self.url} is not ready: {self.log.read_text()[-3000:]}")
            time.sleep(0.05)

    def ask(self, path: str) -> int:
        """The status that it answers at a path, past any gateway; 0 if it does not answer."""
        try:
            with urllib.request.urlopen(f"{self.url}{path}", timeout=5) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def send(self, number: signal.Signals) -> None:
        """Send a signal to it and to what it started."""
        os.killpg(self.popen.pid, number)

    def stop(self) -> None:
        """Ask it to end, and wait for it."""
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """End it at once, without a chance to tidy up."""
        try:
            self.send(signal.SIGKILL)
        except ProcessLookupError:
            return
        self.popen.wait()


def command(port: int, workers: int, threads: int, root: Path) -> list[str]:
    """How a server is started: as in production where granian is installed, else with Django's own."""
    if not find_spec("granian"):
        return [sys.executable, "manage.py", "runserver", "--noreload", "--skip-checks", f"127.0.0.1:{port}"]

    options = ["--workers", str(workers), "--port", str(port)]
    if (root / "config" / "server.py").exists():
        return [sys.executable, "-m", "config.server", *options]

    # A release before there was one way to start a server.
    options += ["--blocking-threads", str(threads), "--no-ws", "--interface", "wsgi"]
    return [sys.executable, "-m", "granian", *options, "config.wsgi:application"]


def is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


def free_port() -> int:
    """A port that nobody listens on, to be listened on later.

    It is none that the system may give to somebody else meanwhile, and each process of a test run has its own range.
    """
    first = 11_000 + WIDTH * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 10)
    while True:
        port = first + next(_ports) % WIDTH
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def manage(environment: Mapping[str, str], *arguments: str, root: Path = ROOT) -> str:
    """Run a command of `manage.py` in a process of its own; what it wrote. Raises if it fails."""
    done = run_manage(environment, *arguments, root=root)
    assert done.returncode == 0, f"{arguments}: {done.stdout[-1000:]}{done.stderr[-3000:]}"
    return done.stdout


def try_manage(environment: Mapping[str, str], *arguments: str) -> tuple[int, str]:
    """As `manage`, but for a command that may fail: its exit code, and what it wrote."""
    done = run_manage(environment, *arguments)
    return done.returncode, done.stdout


def run_manage(
    environment: Mapping[str, str], *arguments: str, root: Path = ROOT
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=root,
        env=os.environ | UNBOUNDED | dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@contextmanager
def serving(environment: Mapping[str, str], log: Path, **options: int) -> Iterator[Process]:
    """A server process that runs as long as the block does."""
    process = Process(environment, log, **options)
    try:
        yield process
    finally:
        process.stop()
