"""Real processes of Tessera on loopback: started, waited for until they may serve, ended by their id."""

import os
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

from django.conf import settings

UNBOUNDED = {"UNPAID_ORDERS": "1000000", "UNPAID_UNITS": "100000000", "REGISTRATIONS_PER_HOUR": "1000000"}
"""Few people order much here, and do not pay."""
PATIENCE = 30.0
"""Seconds in which a process must be ready, and then in which it must end."""


class Process:
    """One server process of ours, with the processes that it started; `url` is where it listens."""

    def __init__(
        self, environment: Mapping[str, str], log: Path, *, port: int = 0, workers: int = 1, threads: int = 16
    ) -> None:
        self.environment, self.log = dict(environment), log
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
                command(self.port, self.workers, self.threads),
                cwd=settings.BASE_DIR,
                env=os.environ | UNBOUNDED | self.environment,
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


def command(port: int, workers: int, threads: int) -> list[str]:
    """How a server is started: granian where it is installed, else Django's own."""
    if find_spec("granian"):
        options = ["--workers", str(workers), "--blocking-threads", str(threads), "--port", str(port), "--no-ws"]
        return [sys.executable, "-m", "granian", "--interface", "wsgi", *options, "config.wsgi:application"]

    return [sys.executable, "manage.py", "runserver", "--noreload", "--skip-checks", f"127.0.0.1:{port}"]


def is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def manage(environment: Mapping[str, str], *arguments: str) -> str:
    """Run a command of `manage.py` in a process of its own; what it wrote. Raises if it fails."""
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=settings.BASE_DIR,
        env=os.environ | UNBOUNDED | dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{arguments}: {done.stdout[-1000:]}{done.stderr[-3000:]}"
    return done.stdout


@contextmanager
def serving(environment: Mapping[str, str], log: Path, **options: int) -> Iterator[Process]:
    """A server process that runs as long as the block does."""
    process = Process(environment, log, **options)
    try:
        yield process
    finally:
        process.stop()
