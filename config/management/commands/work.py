"""`manage.py work`: the periodic jobs of what this process serves."""

import os
import signal
import sys
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from config.periodic_jobs import attempt, find_jobs, work


class Command(BaseCommand):
    help = "Run the periodic jobs of SERVICES; any number of these may run at once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="run what is due and end; exit 1 if a job failed")

    def handle(self, *args: Any, once: bool, **options: Any) -> None:
        jobs = find_jobs()
        if once:
            outcomes = [attempt(job) for job in jobs]
            sys.exit(0 if all(outcomes) else 1)

        work(jobs, stop_on_signal())


def stop_on_signal() -> threading.Event:
    """An event that is set on SIGTERM or SIGINT; the job that is running then is finished first.

    The system may give a signal to any thread. Python runs handlers in the main one, which waits and would not wake;
    the byte that it writes to a pipe comes from whichever thread was interrupted.
    """
    stop = threading.Event()
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, do_nothing)

    def wait() -> None:
        os.read(reader, 1)
        stop.set()

    threading.Thread(target=wait, daemon=True).start()
    return stop


def do_nothing(*_: Any) -> None:
    """Handle a signal that is told over a pipe."""
