"""`make run` on a clean clone: the shop stands, its doors hold, and Ctrl-C closes all of it."""

import os
import re
import shutil
import signal
import subprocess
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from django.conf import settings

from tests.journeys.processes import free_port
from tests.journeys.split.shapes import await_true

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("make"), reason="make is not installed"),
    pytest.mark.skipif(not (settings.BASE_DIR / ".git").exists(), reason="this is no clone"),
]
PASSWORD = "tessera-demo"
COLD, AGAIN = 60, 15
"""Seconds until it serves; the second is 5 where no other test runs beside it."""


class Shop:
    """A clone of what is committed, and `make run` in it."""

    def __init__(self, folder):
        self.folder, self.port, self.started = folder, free_port(), None
        subprocess.run(["git", "clone", "--quiet", settings.BASE_DIR, folder], check=True)

    @property
    def url(self):
        return f"http://localhost:{self.port}"

    def start(self):
        """Run it without a terminal, and come back once it serves: the seconds it took."""
        clean = {name: os.environ[name] for name in os.environ if name in ("PATH", "HOME") or name.startswith("PIP_")}
        began = time.monotonic()
        with (self.folder / "run.log").open("wb") as log:
            self.started = subprocess.Popen(
                ["make", "run", f"PORT={self.port}"],
                cwd=self.folder,
                env=clean,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        while not self.serves():
            assert self.started.poll() is None, self.told()
            assert time.monotonic() - began < 3 * COLD, self.told()
            time.sleep(0.1)
        return time.monotonic() - began

    def serves(self):
        try:
            return requests.get(f"{self.url}/readyz", timeout=5).ok
        except requests.ConnectionError:
            return False

    def told(self):
        """What it printed, without the warnings of pip."""
        return re.sub(r"WARNING: .*\n", "", (self.folder / "run.log").read_text())

    def stop(self):
        """Press Ctrl-C, and come back once all have ended."""
        os.killpg(self.started.pid, signal.SIGINT)
        self.started.wait(20)

    def log_in(self, name):
        answer = requests.post(
            f"{self.url}/api/token/", json={"email": f"{name}@example.com", "password": PASSWORD}, timeout=10
        )
        return answer.json()["access"]

    def call(self, name, method, path, **options):
        """A call as somebody; the answer."""
        headers = {"Authorization": f"Bearer {self.log_in(name)}", **options.pop("headers", {})}
        return requests.request(method, f"{self.url}{path}", headers=headers, timeout=10, **options)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    shop = Shop(tmp_path_factory.mktemp("clone") / "tessera")
    shop.took = shop.start()
    yield shop
    if shop.started.poll() is None:
        shop.stop()


@pytest.fixture
def tea(shop):
    """A product as its list shows it."""
    return shop.call("alice", "GET", "/api/products/?in_stock=true&limit=1").json()["results"][0]


def available(shop, product):
    return shop.call("alice", "GET", f"/api/products/{product['id']}/").json()["available"]


def place(shop, product, key=None):
    body = {"lines": [{"product": product["id"], "quantity": 1, "price": product["price"]}]}
    return shop.call(
        "alice", "POST", "/api/orders/", json=body, headers={"Idempotency-Key": f'"{key or uuid.uuid4()}"'}
    )


def test_it_serves_within_a_minute_and_prints_its_log_ins(shop):
    assert shop.took < COLD
    assert shop.url in shop.told()
    for name in ("alice", "bob", "carol", "dave", "admin"):
        assert f"{name}@example.com" in shop.told()


def test_an_order_takes_stock_and_its_cancellation_gives_it_back(shop, tea):
    before = available(shop, tea)

    order = place(shop, tea)
    after = available(shop, tea)
    cancelled = shop.call("alice", "POST", f"/api/orders/{order.json()['id']}/cancel/")

    assert (order.status_code, order.json()["status"], after) == (201, "placed", before - 1)
    assert (cancelled.json()["status"], available(shop, tea)) == ("cancelled", before)


def test_another_customer_does_not_find_the_order(shop, tea):
    order = place(shop, tea).json()

    assert shop.call("bob", "GET", f"/api/orders/{order['id']}/").status_code == 404


def test_the_catalogue_manager_changes_a_price_and_a_customer_does_not(shop, tea):
    path = f"/api/products/{tea['id']}/"

    assert shop.call("alice", "PATCH", path, json={"price": "1.00"}).status_code == 403
    assert shop.call("carol", "PATCH", path, json={"price": tea["price"]}).status_code == 200


def test_another_port_is_asked_for_where_one_is_taken(shop):
    done = subprocess.run(
        ["make", "run", f"PORT={shop.port}"], cwd=shop.folder, capture_output=True, text=True, check=False
    )

    assert done.returncode != 0
    assert f"Port {shop.port} is taken" in done.stderr


def test_a_second_run_is_quick_and_harms_nothing(shop, tea):
    order = place(shop, tea).json()
    before = available(shop, tea)

    shop.stop()
    took = shop.start()

    assert took < AGAIN
    assert available(shop, tea) == before
    assert shop.call("alice", "GET", f"/api/orders/{order['id']}/").json()["status"] == "placed"


def await_told(shop, pattern):
    await_true(lambda: re.search(pattern, shop.told(), re.MULTILINE), f"it says {pattern}")


def test_mail_is_printed_soon(shop):
    browser = requests.Session()
    token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', browser.get(f"{shop.url}/password-reset/").text)[1]
    browser.post(f"{shop.url}/password-reset/", {"email": "alice@example.com", "csrfmiddlewaretoken": token})

    await_told(shop, rf"^{shop.url}/password-reset/\S+/$")


def test_each_request_leaves_one_plain_line(shop):
    requests.get(f"{shop.url}/nowhere/", timeout=10)

    await_told(shop, r"^\d\d:\d\d:\d\d 404 GET /nowhere/$")
    assert "\x1b" not in shop.told()


def test_many_clients_at_once_are_all_answered(shop):
    with ThreadPoolExecutor(48) as pool:
        answers = list(pool.map(lambda _: requests.get(f"{shop.url}/login/", timeout=60).status_code, range(118)))

    assert answers == [200] * 118


def test_ctrl_c_ends_the_web_server_and_the_worker(shop):
    shop.stop()

    assert not shop.serves()
    assert "web stopped" in shop.told()
    assert "work stopped" in shop.told()
