"""`manage.py work`: every job is run by one worker at a time, whatever else goes wrong."""

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from functools import partial

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.utils import timezone

from config import periodic_jobs
from config.periodic_jobs import HOLD, Job, attempt, claim, find_jobs

pytestmark = pytest.mark.database

SERVICE = settings.SERVICES[0]


@pytest.fixture
def runs():
    return []


@pytest.fixture
def job(runs):
    return Job(SERVICE, "count", partial(runs.append, 1), 60.0)


def test_a_job_runs_when_it_is_due(db, job, runs):
    assert attempt(job)
    assert runs == [1]


def test_a_job_rests_for_its_interval(db, job, runs):
    attempt(job)
    attempt(job)

    assert runs == [1]
    assert timedelta(seconds=59) < job.leases.get().until - timezone.now() < timedelta(seconds=60)


def test_a_job_runs_again_after_its_interval(db, job, runs):
    attempt(job)
    job.leases.update(until=timezone.now())

    attempt(job)

    assert runs == [1, 1]


def test_a_claimed_job_is_left_to_its_worker(db, job, runs):
    assert claim(job)

    attempt(job)

    assert runs == []


def test_a_dead_workers_job_is_taken_over(db, job, runs):
    claim(job)
    job.leases.update(until=timezone.now() - timedelta(seconds=1))

    attempt(job)

    assert runs == [1]


def test_a_short_job_is_held_for_longer_than_its_interval(db, job):
    until = claim(job._replace(interval=0.5))

    assert until - timezone.now() > HOLD - timedelta(seconds=1)


def test_a_worker_that_was_taken_for_dead_leaves_the_lease_alone(db, job):
    later = timezone.now() + timedelta(hours=1)

    attempt(job._replace(run=lambda: job.leases.update(until=later)))

    assert job.leases.get().until == later


def test_a_failing_job_is_told_and_rests(db, job):
    broken = job._replace(run=lambda: 1 / 0)

    assert not attempt(broken)
    assert claim(job) is None


def test_a_database_that_is_away_is_survived(transactional_db, job, runs):
    def away(*_):
        raise OperationalError("away")

    with connection.execute_wrapper(away):
        assert not attempt(job)

    assert attempt(job)
    assert runs == [1]


def services_with_jobs():
    return {service for service in settings.SERVICES if (settings.BASE_DIR / service / "jobs.py").exists()}


def test_the_jobs_of_all_served_services_are_found():
    assert {job.service for job in find_jobs()} == services_with_jobs()


def test_the_jobs_of_a_service_that_only_reads_rest(settings):
    settings.READ_ONLY = ["orders"]

    assert {job.service for job in find_jobs()} == services_with_jobs() - {"orders"}


def test_a_loop_runs_each_job_and_stops_when_told(transactional_db, job, runs):
    stop = threading.Event()
    last = job._replace(name="stop", run=stop.set)

    periodic_jobs.work([job, last], stop)

    assert runs == [1]


WORKER = """
import sys, threading, time
import django; django.setup()
from config.management.commands.work import stop_on_signal
from config.periodic_jobs import Job, work

def write():
    open(sys.argv[1], "a").write("ran\\n")
    time.sleep(0.2)

stop = stop_on_signal()
print("ready", flush=True)
work([Job(sys.argv[2], "write", write, 600.0)], stop)
print("ended", flush=True)
"""


@pytest.fixture
def environment(tmp_path):
    """Of processes that share one new database."""
    database = f"sqlite:///{tmp_path / 'work.sqlite3'}"
    environment = os.environ | {"DATABASE_URL": database, "DJANGO_SETTINGS_MODULE": "config.settings"}
    manage = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(manage, cwd=settings.BASE_DIR, env=environment, check=True)
    return environment


def start(environment, *command):
    return subprocess.Popen(
        [sys.executable, *command], cwd=settings.BASE_DIR, env=environment, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_of_three_workers_one_runs_the_job_and_all_end_when_told(environment, tmp_path, ending):
    ran = tmp_path / "ran"
    workers = [start(environment, "-c", WORKER, str(ran), SERVICE) for _ in range(3)]
    for worker in workers:
        assert worker.stdout.readline() == "ready\n"
    time.sleep(0.5)

    for worker in workers:
        worker.send_signal(ending)

    assert [worker.communicate(timeout=10)[0] for worker in workers] == ["ended\n"] * 3
    assert [worker.returncode for worker in workers] == [0] * 3
    assert ran.read_text() == "ran\n"


def test_once_runs_what_is_due_and_ends(environment):
    worker = start(environment | {"LOG_LEVEL": "ERROR"}, "manage.py", "work", "--once")

    worker.communicate(timeout=30)

    assert worker.returncode == 0
