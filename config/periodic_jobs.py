"""The periodic jobs of what this process serves, run beside requests by any number of workers."""

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, NamedTuple, cast

import structlog
from django.apps import apps
from django.conf import settings
from django.db import Error, close_old_connections, connection, models
from django.db.models import F

from database import clock
from tokens.registry import find_module

logger = structlog.get_logger(__name__)

HOLD = timedelta(seconds=30)
"""How long a job may run, at least, before another worker takes it for dead."""
LONGEST = timedelta(hours=1)
"""How long a job that still runs keeps its lease; then it is taken for stuck, and another worker may have it."""
LOOK = 30.0
"""Seconds after which a worker looks at a job again at the latest, in case its worker has died."""
ABSENT_AFTER = 60.0
"""Seconds that a job has been due before it is said that no worker is there; one that is comes earlier (`LOOK`)."""
STARTED = time.monotonic()


class Job(NamedTuple):
    """A function that is run every `interval` seconds by whichever worker claims it."""

    service: str
    name: str
    run: Callable[[], object]
    interval: float

    @property
    def leases(self) -> "models.QuerySet[Any]":
        """The job's row in the lease table of its own service: one, or none before its first run."""
        model: Any = apps.get_model(self.service, "Lease")
        return cast("models.QuerySet[Any]", model.objects.filter(job=self.name))


def find_jobs() -> list[Job]:
    """The jobs in the `jobs` modules of the services of this process, but of those that only read."""
    services = [service for service in settings.SERVICES if service not in settings.READ_ONLY]
    found = [(service, module.JOBS) for service in services if (module := find_module(service, "jobs"))]
    return [Job(service, name, run, interval) for service, jobs in found for name, (run, interval) in jobs.items()]


def work(jobs: Iterable[Job], stop: threading.Event) -> None:
    """Run each job whenever it is due and nobody else has claimed it, until `stop` is set.

    Each has a thread, so that none waits for what another waits for, such as a mail server that does not answer.
    """
    found = list(jobs)
    with ThreadPoolExecutor(len(found) + 1) as pool:
        runs = [pool.submit(repeat, job, stop) for job in found]
        stop.wait()
    for run in runs:
        run.result()


def repeat(job: Job, stop: threading.Event) -> None:
    """Run a job whenever it is due, until `stop` is set; whatever ends it otherwise ends the others, too."""
    try:
        while not stop.is_set():
            attempt(job)
            if job.interval > LOOK:
                connection.close()
            close_old_connections()
            stop.wait(min(job.interval, LOOK))
    finally:
        stop.set()
        connection.close()


def attempt(job: Job) -> bool:
    """Run a job if it is due and unclaimed. A job that fails is logged, and tried again in time.

    Whether nothing went wrong: what is not due has not failed.
    """
    structlog.contextvars.bind_contextvars(job=f"{job.service}.{job.name}")
    try:
        until = claim(job)
        return until is None or finish(job, until)
    except Error as error:
        logger.warning("database_unavailable", error=str(error))
        return False
    finally:
        structlog.contextvars.clear_contextvars()


def claim(job: Job) -> datetime | None:
    """Take the job for this worker, and until when; None if another has it, or it is not due."""
    now = clock.now()
    until = now + max(HOLD, timedelta(seconds=job.interval))
    due = job.leases.filter(until__lte=now)
    if due.update(until=until):
        return until
    if job.leases.exists():
        return None

    job.leases.bulk_create([job.leases.model(job=job.name, until=now)], ignore_conflicts=True)
    return until if due.update(until=until) else None


def finish(job: Job, until: datetime) -> bool:
    """Run a claimed job, and let it rest for its interval from now."""
    rested = clock.now() + timedelta(seconds=job.interval)
    with Renewal(job, until) as renewal:
        done = wrapper(job, run)
    how = {"successes": F("successes") + 1, "succeeded_at": clock.now()} if done else {"failures": F("failures") + 1}
    job.leases.filter(until=renewal.until).update(until=rested, **how)
    return done


def run_as_it_is(job: Job, run: Callable[[Job], bool]) -> bool:
    return run(job)


wrapper: Callable[[Job, Callable[[Job], bool]], bool] = run_as_it_is
"""What every job is run by: something that looks on (`config.tracing`)."""


class Renewal:
    """Keeps the lease of a job that takes long, from a thread, as long as the block runs; `until` is how it stands."""

    def __init__(self, job: Job, until: datetime) -> None:
        self.job, self.until = job, until
        self._ends = clock.now() + LONGEST
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def __enter__(self) -> "Renewal":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _keep(self) -> None:
        try:
            while not self._stop.wait(HOLD.total_seconds() / 3) and clock.now() < self._ends:
                self._renew()
        finally:
            connection.close()

    def _renew(self) -> None:
        later = clock.now() + HOLD
        try:
            if later > self.until and self.job.leases.filter(until=self.until).update(until=later):
                self.until = later
        except Error as error:
            logger.warning("database_unavailable", error=str(error))


def run(job: Job) -> bool:
    """Run a job, whatever it raises; whether it succeeded."""
    started = time.monotonic()
    try:
        job.run()
    except clock.ClockDiffers as error:
        logger.error("job_refused", error=str(error))
        return False
    except Exception:
        logger.exception("job_failed")
        return False

    logger.debug("job_done", seconds=round(time.monotonic() - started, 3))
    return True


# What workers did, for whoever looks ------------------------------------------------------------


class Record(NamedTuple):
    """How a job went, whichever worker ran it."""

    job: Job
    successes: int
    failures: int
    unrun: float
    """Seconds since it last succeeded; if it never did, since this process started."""
    late: float
    """Seconds that it has been due, and no worker took it."""


def read_records() -> list[Record]:
    """How each job of this process's services went: a statement for each service. Raises `Error`."""
    jobs = find_jobs()
    models = {job.service: job.leases.model for job in jobs}
    rows = {(service, row.job): row for service, model in models.items() for row in model.objects.all()}
    return [record(job, rows.get((job.service, job.name)), clock.now()) for job in jobs]


def record(job: Job, lease: Any, now: datetime) -> Record:
    uptime = time.monotonic() - STARTED
    if lease is None:
        return Record(job, 0, 0, unrun=uptime, late=uptime)

    since = uptime if lease.succeeded_at is None else (now - lease.succeeded_at).total_seconds()
    late = (now - lease.until).total_seconds()
    return Record(job, lease.successes, lease.failures, unrun=max(0.0, since), late=max(0.0, late))
