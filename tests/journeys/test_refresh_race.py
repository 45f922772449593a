"""Many refresh one token at the same moment, at two processes, and one of these is not there any more afterwards."""

import json
import time

import pytest

from tests.journeys import clients, databases
from tests.journeys.processes import manage, serving
from wire.demo import PASSWORD

pytestmark = pytest.mark.slow

AGE = (
    "from datetime import timedelta; from accounts.models import Session;"
    "Session.objects.update(rotated_at=timezone.now() - timedelta(seconds=31))"
)
"""Let the grace be over."""


@pytest.fixture(scope="module", params=databases.BOTH)
def accounts(request, tmp_path_factory):
    """Accounts with the demo's people, in two processes, and what starts it again."""
    folder = tmp_path_factory.mktemp(request.param)
    with databases.fresh(request.param, folder) as url:
        environment = {"DATABASE_URL": url, "LOG_LEVEL": "ERROR"}
        manage(environment, "migrate", "--verbosity", "0")
        manage(environment, "demo")
        with serving(environment, folder / "server.log", workers=2) as process:
            yield process


def ask(accounts, path, **body):
    request = {"method": "POST", "path": path, "headers": {}, "body": body}
    return read(clients.run(accounts.url, [request], clients=1)[0])


def read(answer):
    return answer["status"], json.loads(answer["body"])


ADDRESSES = ("/api/accounts/me/", "/api/orders/", "/api/products/")
"""One of each service."""


def show(accounts, access):
    """What each service answers to an access token."""
    headers = {"Authorization": f"Bearer {access}"}
    requests = [{"method": "GET", "path": path, "headers": headers, "body": None} for path in ADDRESSES]
    return [answer["status"] for answer in clients.run(accounts.url, requests, clients=1)]


def show_until(accounts, access, wanted, *, within):
    """What each service answers to an access token once it is as wanted, or so many seconds have passed."""
    deadline = time.monotonic() + within
    while (shown := show(accounts, access)) != wanted and time.monotonic() < deadline:
        time.sleep(0.1)
    return shown


@pytest.mark.parametrize("count", [8, 64])
def test_one_successor_comes_and_a_replay_ends_the_family_through_a_restart(accounts, count, measure):
    token = ask(accounts, "/api/token/", email="alice@example.com", password=PASSWORD)[1]["refresh"]
    request = {"method": "POST", "path": "/api/token/refresh/", "headers": {}, "body": {"refresh": token}}

    answers = clients.run(accounts.url, [request] * count, clients=count)
    accounts.kill()
    accounts.start()
    again = ask(accounts, "/api/token/refresh/", refresh=token)
    accounts.kill()
    manage(accounts.environment, "shell", "--no-imports", "--command", "from django.utils import timezone;" + AGE)
    accounts.start()
    believed = show(accounts, again[1]["access"])
    replayed = ask(accounts, "/api/token/refresh/", refresh=token)
    successor = ask(accounts, "/api/token/refresh/", refresh=again[1]["refresh"])

    measure(answers)
    told = [read(answer) for answer in answers]
    assert {status for status, _ in told} == {200}
    assert {body["refresh"] for _, body in told} == {again[1]["refresh"]}
    assert [answer[0] for answer in (again, replayed, successor)] == [200, 401, 401]
    assert believed == [200, 200, 200]
    assert show_until(accounts, again[1]["access"], [401, 401, 401], within=10) == [401, 401, 401]
