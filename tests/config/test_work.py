"""`manage.py work`: every job is run by one worker at a time, whatever else goes wrong."""

import os
import shutil
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
from tests.journeys.split.shapes import await_true

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


def test_a_run_is_counted(db, job):
    attempt(job)

    lease = job.leases.get()
    assert (lease.successes, lease.failures) == (1, 0)
    assert timezone.now() - lease.succeeded_at < timedelta(seconds=5)


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


def test_a_job_that_takes_long_keeps_its_lease(transactional_db, job, monkeypatch):
    monkeypatch.setattr(periodic_jobs, "HOLD", timedelta(seconds=1.5))
    others = []

    def run():
        first = job.leases.get().until

        def is_over():
            others.append(claim(job))
            return timezone.now() > first

        await_true(is_over, "the lease that it began with is over")

    assert attempt(job._replace(run=run, interval=0.1))
    assert {*others} == {None}
    assert job.leases.get().until < timezone.now() + timedelta(seconds=0.2)


def test_a_job_that_hangs_loses_its_lease_in_the_end(transactional_db, job, monkeypatch):
    monkeypatch.setattr(periodic_jobs, "HOLD", timedelta(seconds=0.3))
    monkeypatch.setattr(periodic_jobs, "LONGEST", timedelta(0))
    others = []

    def run():
        time.sleep(0.6)
        others.append(claim(job))

    attempt(job._replace(run=run, interval=0.1))

    [until] = others
    assert until is not None


def test_a_failing_job_is_told_and_rests(db, job):
    broken = job._replace(run=lambda: 1 / 0)

    assert not attempt(broken)
    assert claim(job) is None
    assert job.leases.values_list("successes", "failures", "succeeded_at").get() == (0, 1, None)


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


def test_a_loop_runs_each_job_and_stops_when_told_and_none_waits_for_another(database, job, runs):
    stop, together = threading.Event(), threading.Barrier(2, timeout=10)

    def meet():
        together.wait()
        runs.append(1)
        stop.set()

    periodic_jobs.work([job._replace(name=name, run=meet) for name in ("one", "other")], stop)

    assert runs == [1, 1]


def test_without_jobs_a_loop_waits_until_it_is_told_to_stop():
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()

    periodic_jobs.work([], stop)

    assert stop.is_set()


def test_what_ends_one_job_for_good_ends_the_worker(job):
    with pytest.raises(LookupError):
        periodic_jobs.work([job._replace(service=None)], threading.Event())


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


def environment_of(database):
    return os.environ | {"DATABASE_URL": f"sqlite:///{database}", "DJANGO_SETTINGS_MODULE": "config.settings"}


@pytest.fixture(scope="module")
def migrated(tmp_path_factory):
    """A new database that nobody uses."""
    database = tmp_path_factory.mktemp("work") / "new.sqlite3"
    manage = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(manage, cwd=settings.BASE_DIR, env=environment_of(database), check=True)
    return database


@pytest.fixture
def environment(migrated, tmp_path):
    """Of processes that share one new database."""
    return environment_of(shutil.copy(migrated, tmp_path / "work.sqlite3"))


def start(environment, *command):
    return subprocess.Popen(
        [sys.executable, *command], cwd=settings.BASE_DIR, env=environment, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_of_three_workers_one_runs_the_job_and_all_end_when_told(environment, tmp_path, ending):
    ran = tmp_path / "ran"
    workers = [start(environment, "-c", WORKER, str(ran), SERVICE) for _ in range(3)]
    for worker in workers:
        assert worker.stdout.readline() == "ready\n"
    await_true(ran.exists, "one runs the job")
    time.sleep(0.5)

    for worker in workers:
        worker.send_signal(ending)

    assert [worker.communicate(timeout=120)[0] for worker in workers] == ["ended\n"] * 3
    assert [worker.returncode for worker in workers] == [0] * 3
    assert ran.read_text() == "ran\n"


OVERHEARD = """
import signal, sys, threading
import django; django.setup()
from config.management.commands.work import stop_on_signal
from config.periodic_jobs import Job, work

def hear():
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

work([Job(sys.argv[1], "hear", hear, 600.0)], stop_on_signal())
print("ended", flush=True)
"""


def test_a_worker_ends_when_the_system_tells_it_in_the_thread_of_a_job(environment):
    worker = start(environment, "-c", OVERHEARD, SERVICE)
    try:
        said, _ = worker.communicate(timeout=120)
    finally:
        worker.kill()

    assert said == "ended\n"


def test_once_runs_what_is_due_and_ends(environment):
    worker = start(environment | {"LOG_LEVEL": "ERROR"}, "manage.py", "work", "--once")

    worker.communicate(timeout=120)

    assert worker.returncode == 0
