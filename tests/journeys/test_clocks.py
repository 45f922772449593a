"""Whatever the clocks of its machines say, the shop loses nothing and sends nobody in circles."""

import json
import re
import sys
import time
import uuid
from contextlib import ExitStack, contextmanager

import pytest
import requests

from deploy.services import Split, environment, prepare
from tests.journeys import databases
from tests.journeys.clocks import MONOTONIC, Clock
from tests.journeys.processes import free_port, serving
from tests.journeys.split.shapes import QUIET, Shape, await_true, routing, running, start_services
from tokens.registry import by_calls

psycopg = pytest.importorskip("psycopg", reason="PostgreSQL: psycopg is not installed")
pytestmark = pytest.mark.slow

HOUR = 3600
DIFFER = "have clocks that differ"


@contextmanager
def open_shop(kind, folder):
    """The services behind the gateway, each with a clock that can be set."""
    clocks = {service: Clock(folder / f"{service}.clock") for service in by_calls()}
    with ExitStack() as stack:
        server = stack.enter_context(databases.fresh(kind, folder)) if kind == "postgresql" else ""
        split = Split(folder, free_port(), {service: free_port() for service in by_calls()}, server)
        shop = Shape(kind, split.url, {})
        shop.clocks = clocks
        stack.callback(drop, split)
        prepare(split)
        for service in by_calls():
            shop.environments[service] = environment(split, service) | QUIET | clocks[service].environment
        shop.manage("orders", "demo")
        start_services(stack, shop, split)
        # Nobody is away here: who is late is a busy machine, and is waited for.
        stack.enter_context(routing(folder / "gateway", split.port, split.ports, patience=20))
        yield shop


def drop(split):
    """Leave no database of the services behind."""
    if split.databases:
        with psycopg.connect(f"{databases.find_server()}/postgres", autocommit=True) as connection:
            for service in by_calls():
                connection.execute(
                    f'DROP DATABASE IF EXISTS "{split.databases.rpartition("/")[2]}_{service}" WITH (FORCE)'
                )


@pytest.fixture(scope="module", params=databases.BOTH)
def shop(request, tmp_path_factory):
    with open_shop(request.param, tmp_path_factory.mktemp("clocks")) as shop:
        yield shop


@pytest.fixture(autouse=True)
def right(shop):
    """Every clock is right at the beginning, and again at the end."""
    yield
    for clock in shop.clocks.values():
        clock.set(0)
    time.sleep(1.5)
    for process in shop.processes.values():
        await_true(lambda process=process: is_right(process), "the clocks are right", 30)


def is_right(process):
    told = ready(process.url)
    return "clock" not in told


def insist(ask):
    """The body of the answer of whoever asks again, under the same key, while a busy machine is late."""
    told = []

    def is_done():
        told.append(ask())
        return told[-1].status_code in (200, 201)

    await_true(is_done, "it is done")
    return told[-1].json()


def ready(url):
    return requests.get(f"{url}/readyz", timeout=20).json()


def set_clock(shop, service, seconds):
    """Set a clock that is read within a second, and let what was fetched before grow old."""
    shop.clocks[service].set(seconds)
    time.sleep(1.5)


@pytest.mark.parametrize(
    ("service", "seconds", "path"),
    [
        ("accounts", 40, "/orders/"),
        ("accounts", -HOUR, "/orders/"),
        ("accounts", HOUR, "/orders/"),
        ("orders", 25 * HOUR, "/admin/orders/order/"),
    ],
)
def test_a_browser_gets_a_page_and_no_circle(shop, service, seconds, path):
    """Where the services share no database their clocks count, and a page says what is wrong."""
    set_clock(shop, service, seconds)

    browser = shop.browse("admin")
    browser.session.max_redirects = 6
    page = browser.get(path)

    told = page.status_code == 503 and (DIFFER in page.text or "cannot be" in page.text)
    assert page.status_code == 200 or told, page.text
    assert page.status_code == 200 or f'href="{path}"' in page.text
    if shop.name == "postgresql":
        await_true(lambda: browser.get(path).status_code == 200, "the page, as the database tells the time", 20)

    shop.clocks[service].set(0)
    await_true(lambda: browser.get(path).status_code == 200, "the page again, once the clock is right", 20)


@pytest.mark.parametrize("seconds", [40, HOUR])
def test_a_session_goes_on_at_an_accounts_process_with_another_clock(shop, seconds, tmp_path):
    other = Clock(tmp_path / "other.clock", seconds)
    with serving(shop.environments["accounts"] | other.environment, tmp_path / "other.log") as process:
        for first, second in (
            (shop.processes["accounts"].url, process.url),
            (process.url, shop.processes["accounts"].url),
        ):
            pair = post(f"{first}/api/token/", {"email": "alice@example.com", "password": "tessera-demo"})
            for url in (second, first, second):
                pair = post(f"{url}/api/token/refresh/", {"refresh": pair["refresh"]})

    assert pair["access"]


def post(url, body):
    answer = requests.post(url, json=body, timeout=20)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_revocation_is_seen_in_time_once_the_clock_of_accounts_is_right_again(shop):
    set_clock(shop, "accounts", 25)
    customer = shop.log_in("alice")
    post_logout(shop, shop.log_in("bob"))  # dates the list by the clock that is ahead
    time.sleep(5)
    await_true(lambda: customer.get("/api/orders/").status_code == 200, "the token is believed")
    set_clock(shop, "accounts", 0)
    customer = shop.log_in("alice")
    assert customer.get("/api/orders/").status_code == 200

    post_logout(shop, customer)
    seen = await_true(lambda: customer.get("/api/orders/").status_code == 401, "the revocation", 40)

    assert seen < 10


def post_logout(shop, customer):
    answer = shop.ask("POST", "/api/token/blacklist/", json={"refresh": customer.refresh})
    assert answer.status_code in (200, 204, 205), answer.text


@pytest.mark.parametrize(("seconds", "monotonic"), [(HOUR, "0"), (-HOUR, "1")])
def test_an_order_is_placed_or_refused_in_words_when_the_clock_of_products_is_off(shop, seconds, monotonic):
    customer = shop.customer("alice")
    product = insist(lambda: customer.get("/api/products/"))["results"][0]["id"]
    process = shop.processes["products"]
    process.stop()
    process.environment[MONOTONIC] = monotonic
    shop.clocks["products"].set(seconds)
    process.start_anyhow()
    time.sleep(3)

    keys = [str(uuid.uuid4()) for _ in range(3)]
    answers = [customer.order({product: 1}, key) for key in keys]

    assert {answer.status_code for answer in answers} <= {201, 202, 503}, [answer.text for answer in answers]
    assert all("id" in answer.json() or "code" in answer.json() for answer in answers)
    if shop.name == "postgresql":
        assert {insist(lambda key=key: customer.order({product: 1}, key))["status"] for key in keys} == {"placed"}
    shop.clocks["products"].set(0)
    process.stop()
    process.environment[MONOTONIC] = "1"
    process.start()


@pytest.mark.parametrize(("seconds", "words"), [(60, "ahead")])
def test_a_process_says_by_how_much_its_clock_is_wrong(shop, seconds, words):
    process = shop.processes["products"]
    set_clock(shop, "products", seconds)

    def told():
        requests.get(
            f"{process.url}/api/products/",
            headers={"Authorization": f"Bearer {shop.customer('alice').access}"},
            timeout=20,
        )
        return ready(process.url).get("clock", "")

    await_true(told, "readyz tells", 20)
    found = requests.get(f"{process.url}/metrics", timeout=20).text
    skews = [abs(float(value)) for value in re.findall(r"tessera_clock_skew_seconds\{clock=\"\w+\"\} (\S+)", found)]

    # Without a database that says the time, it is the issuer's clock that seems wrong.
    opposite = {"ahead": "behind", "behind": "ahead"}[words]
    assert (words if shop.name == "postgresql" else opposite) in told()
    assert 50 < max(skews) < 70
    assert "clock_differs" in process.log.read_text()


@pytest.mark.parametrize("shop", [pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True)
def test_a_worker_a_day_ahead_expires_and_forgets_nothing(shop, tmp_path):
    customer = shop.log_in("bob")
    product = insist(lambda: customer.get("/api/products/"))["results"][0]["id"]
    key = str(uuid.uuid4())
    placed = insist(lambda: customer.order({product: 1}, key))
    wrong = Clock(tmp_path / "worker.clock", 25 * HOUR)

    with running(
        [sys.executable, "manage.py", "work"], tmp_path / "work.log", shop.environments["orders"] | wrong.environment
    ):
        await_true(lambda: (tmp_path / "work.log").read_text().count("job_refused") >= 2, "both jobs refuse")
        time.sleep(3)
    leases = read_leases(shop)

    assert insist(lambda: customer.get(f"/api/orders/{placed['id']}/"))["status"] == "placed"
    assert insist(lambda: customer.order({product: 1}, key))["id"] == placed["id"]
    assert max(leases.values()) < 24 * HOUR + 1
    assert leases["settle"] < 31


def read_leases(shop):
    """How many seconds from now each job of orders is taken."""
    found = "{lease.job: (lease.until - timezone.now()).total_seconds() for lease in Lease.objects.all()}"
    steps = f"import json; from orders.models import *; print(json.dumps({found}))"
    return json.loads(shop.manage("orders", "shell", "--no-imports", "--command", steps).splitlines()[-1])
