"""`manage.py work`: the periodic jobs of what this process serves."""

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
    """An event that is set on SIGTERM or SIGINT; the job that is running then is finished first."""
    stop = threading.Event()

    def set_stop(*_: Any) -> None:
        # In a thread: the main one may hold the event's own lock, since it waits for it.
        threading.Thread(target=stop.set).start()

    signal.signal(signal.SIGTERM, set_stop)
    signal.signal(signal.SIGINT, set_stop)
    return stop
