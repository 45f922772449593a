"""The periodic jobs of what this process serves, run beside requests by any number of workers."""

import threading
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple, cast

import structlog
from django.apps import apps
from django.conf import settings
from django.db import Error, close_old_connections, models
from django.utils import timezone

from tokens.registry import find_module

logger = structlog.get_logger(__name__)

HOLD = timedelta(seconds=30)
"""How long a job may run, at least, before another worker takes it for dead."""
LOOK = 60.0
"""Seconds after which a worker looks at a job again at the latest, in case its worker has died."""


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
    """Run each job whenever it is due and nobody else has claimed it, until `stop` is set."""
    due = dict.fromkeys(jobs, 0.0)
    while not stop.is_set():
        for job in [job for job, at in due.items() if at <= time.monotonic()]:
            attempt(job)
            close_old_connections()
            due[job] = time.monotonic() + min(job.interval, LOOK)
            if stop.is_set():
                return
        stop.wait(max(0.0, min(due.values(), default=LOOK + time.monotonic()) - time.monotonic()))


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
    now = timezone.now()
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
    rested = timezone.now() + timedelta(seconds=job.interval)
    done = run(job)
    job.leases.filter(until=until).update(until=rested)
    return done


def run(job: Job) -> bool:
    """Run a job, whatever it raises; whether it succeeded."""
    started = time.monotonic()
    try:
        job.run()
    except Exception:
        logger.exception("job_failed")
        return False

    logger.debug("job_done", seconds=round(time.monotonic() - started, 3))
    return True
