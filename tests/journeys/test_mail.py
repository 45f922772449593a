"""A mail server that misbehaves keeps nobody but the mail, and a worker that dies loses none."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
import requests
from django.conf import settings

from tests.journeys import databases
from tests.journeys.processes import manage, serving
from tests.journeys.running_services import read_form
from tests.smtp_server import mail_server
from wire.demo import PASSWORD

pytestmark = pytest.mark.slow

PEOPLE = ("alice@example.com", "bob@example.com", "carol@example.com", "dave@example.com")
PATIENCE = 30.0
"""Seconds in which what is to come must come."""
OVER = """
from accounts.models import Lease, Mail
from django.utils import timezone
Mail.objects.update(next_try_at=timezone.now())
Lease.objects.update(until=timezone.now())
"""
"""Let every lease and every wait be over."""


@pytest.fixture(params=databases.BOTH)
def environment(request, tmp_path):
    """Of accounts with the demo's people, and a mail server."""
    with mail_server() as server, databases.fresh(request.param, tmp_path) as url:
        environment = {
            "DATABASE_URL": url,
            "EMAIL_URL": f"smtp://127.0.0.1:{server.port}",
            "EMAIL_TIMEOUT": "3",
            "LOG_LEVEL": "ERROR",
        }
        manage(environment, "migrate", "--verbosity", "0")
        manage(environment, "demo")
        yield environment, server


@contextmanager
def working(environment):
    """A worker that runs as long as the block does."""
    command, everything = [sys.executable, "manage.py", "work"], os.environ | environment
    worker = subprocess.Popen(command, cwd=settings.BASE_DIR, env=everything, stdin=subprocess.DEVNULL)
    try:
        yield worker
    finally:
        worker.kill()
        worker.wait()


def forget(url, email):
    """Ask for a link as a browser does."""
    http = requests.Session()
    form = read_form(http.get(f"{url}/password-reset/", timeout=10).text)
    answer = http.post(f"{url}/password-reset/", form | {"email": email}, timeout=10)
    assert answer.url.endswith("/sent/"), answer.text


def wait_for(happened):
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)


def recipients(server):
    return sorted(message["To"] for message in server.messages)


def test_a_mail_server_that_never_answers_holds_no_request(environment, tmp_path):
    environment, server = environment
    server.silent = True
    with serving(environment, tmp_path / "server.log", threads=4) as process, working(environment):
        for email in PEOPLE:
            forget(process.url, email)

        assert process.ask("/healthz") == 200
        body = {"email": PEOPLE[0], "password": PASSWORD}
        assert requests.post(f"{process.url}/api/token/", json=body, timeout=10).status_code == 200
        server.silent = False
        wait_for(lambda: recipients(server) == sorted(PEOPLE))


def test_a_worker_that_is_killed_while_it_sends_loses_no_mail(environment, tmp_path):
    environment, server = environment
    with serving(environment, tmp_path / "server.log") as process:
        forget(process.url, PEOPLE[0])
    server.silent = True
    with working(environment) as worker:
        wait_for(lambda: server.clients)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    server.silent = False

    manage(environment, "shell", "--command", OVER)
    for _ in range(2):
        with working(environment):
            wait_for(lambda: server.messages)

    assert recipients(server) == [PEOPLE[0]]


def test_three_workers_send_each_mail_once(environment, tmp_path):
    environment, server = environment
    with serving(environment, tmp_path / "server.log") as process:
        for email in PEOPLE:
            forget(process.url, email)

    with working(environment), working(environment), working(environment):
        wait_for(lambda: len(server.messages) >= len(PEOPLE))
        time.sleep(3)

    assert recipients(server) == sorted(PEOPLE)
