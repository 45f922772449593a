"""A process is killed at any step, and the next one makes it good: nothing is lost, nothing is done twice."""

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest
from django.conf import settings

from tests.journeys import clients, databases, shops
from tests.journeys.processes import Process, manage

pytestmark = pytest.mark.slow

JOURNEYS = ["placing", "refusing", "cancelling", "paying", "shipping", "returning", "expiring", "settling"]
SWEPT = ["placing", "cancelling", "paying", "shipping"]
AGREED = "orders: nothing differs\nproducts: nothing differs\n"


@pytest.fixture(scope="module", params=databases.BOTH)
def crashes(request, tmp_path_factory):
    """What did not hold after a crash, by journey and by the place where the process was killed.

    Between the steps stand statements; to die before each of them is tried on one database, for time.
    """
    statements = ["--statements", *SWEPT] if request.param == "sqlite" else []
    pytest.importorskip("time_machine", reason="time-machine is not installed")
    with databases.fresh(request.param, tmp_path_factory.mktemp(request.param)) as url:
        done = subprocess.run(
            [sys.executable, "-m", "tests.journeys.crashing", *statements],
            cwd=settings.BASE_DIR,
            env=os.environ | {"DATABASE_URL": url, "LOG_LEVEL": "CRITICAL"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout)


@pytest.mark.parametrize("journey", JOURNEYS)
def test_killed_at_any_step_or_statement_it_is_made_good(crashes, journey):
    broken = {place: complaints for place, complaints in crashes[journey].items() if complaints}

    assert broken == {}
    assert len(crashes[journey]) >= 5


def test_every_journey_is_told_and_what_was_to_be_swept_was(crashes, request):
    swept = [name for name in crashes if "before statement 5" in crashes[name]]

    assert sorted(crashes) == sorted(JOURNEYS)
    assert swept == (SWEPT if request.node.callspec.params["crashes"] == "sqlite" else [])


@pytest.fixture(scope="module", params=databases.BOTH)
def shop(request, tmp_path_factory):
    with shops.opened(request.param, tmp_path_factory.mktemp(request.param), workers=1) as shop:
        yield shop


def test_a_server_told_to_die_between_hold_and_answer_is_made_good_by_the_next(shop, tmp_path):
    [product] = shop.stock({"TRAP": 10})
    trapped = Process(shop.environment | {"FAILPOINT": "products.reservations.reserve:after"}, tmp_path / "trapped.log")
    request = shop.order({product: 2})
    try:
        [dead] = clients.run(trapped.url, [request], clients=1)
    finally:
        trapped.stop()

    held = shop.counters(product)
    shop.age()
    [first, again] = clients.run(shop.url, [request, request], clients=1, patience=5)

    assert dead["status"] == 0
    assert held == (10, 2)
    assert (first["status"], again["status"]) == (201, 201)
    assert again["body"] == first["body"]
    assert shop.counters(product) == (10, 2)
    assert shop.reconcile() == AGREED


def test_a_server_killed_again_and_again_under_load_loses_and_doubles_nothing(shop):
    [product] = shop.stock({"STORMY": 240})
    requests = [shop.order({product: 1}, by=random.choice(["alice", "bob"])) for _ in range(400)]
    killer = threading.Thread(target=kill_and_start, args=(shop,))
    killer.start()

    answers = clients.run(shop.url, requests, clients=16, patience=30)

    killer.join()
    manage(shop.environment, "settle_orders")
    assert Counter(answer["status"] for answer in answers) == {201: 240, 409: 160}
    assert len({json.loads(answer["body"]).get("id") for answer in answers if answer["status"] == 201}) == 240
    assert sum(answer["tries"] for answer in answers) > 400
    assert shop.counters(product) == (240, 240)
    assert shop.reconcile() == AGREED


def kill_and_start(shop):
    """Twice, after it has worked for a moment; each time it is away for longer than a lease."""
    for _ in range(2):
        time.sleep(random.uniform(0.3, 0.6))
        shop.process.kill()
        shop.age()
        shop.process.start()
