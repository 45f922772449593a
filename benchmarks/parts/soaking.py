"""Ten minutes of a whole shop behind its gateway: nothing fails, the books agree, and no process grows too large."""

import itertools
import json
import os
import random
import tempfile
import threading
import time
import uuid
from collections import Counter
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import quantiles

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import psycopg
import requests

from benchmarks import databases, load, processes
from benchmarks.report import Result, Row
from deploy.services import Split, environment, prepare
from tests.journeys.processes import UNBOUNDED, Process, free_port, manage, try_manage
from tests.journeys.split.shapes import routing, working
from tokens.registry import by_calls
from wire.demo import PASSWORD

THREADS, SECONDS, QUICK_SECONDS = 32, 600, 60
PROCESSES = 2
"""Of each service."""
CUSTOMERS = 8
PAUSE = 0.1
"""Seconds between two requests of a customer."""
GOODS = 50
SETTLED = 5
"""Times that what waits is settled before the books are compared."""


def measure(kind: str, *, quick: bool) -> list[Result]:
    shop = [soak(QUICK_SECONDS if quick else SECONDS)] if kind == "postgresql" else []
    return [*shop, log_in_again_and_again(kind)]


def log_in_again_and_again(kind: str) -> Result:
    """The memory of one process of 32 threads while 64 people log in all the time."""
    url = databases.prepare(kind, 1_000)
    password = json.loads(databases.run_shop(url, "hashes", 1))["password"]
    body = json.dumps({"email": "customer0@example.com", "password": password}).encode()
    requests = itertools.repeat(load.write_request("POST", "/api/token/", body=body))
    rows, largest = [], 0
    with processes.serving("Tessera", url, GRANIAN_BLOCKING_THREADS=str(THREADS)) as server:
        load.run(server.port, requests, clients=1, count=10)
        server.look()
        for passed in range(0, QUICK_SECONDS, 20):
            answers = load.run(server.port, requests, clients=2 * THREADS, seconds=20)
            assert set(answers.statuses) == {200}, answers.statuses
            largest = max(largest, server.memory())
            note = f"{server.memory() / 2**20:.0f} MiB after {sum(answers.statuses.values())} log-ins"
            rows.append(Row(f"{passed + 20} s", note=note))
    title = f"Memory of a process of {THREADS} threads, {2 * THREADS} people logging in, {kind}"
    return Result("soak-log-ins", title, rows, {"MiB of memory": largest / 2**20})


# A whole shop -----------------------------------------------------------------------------------


def soak(seconds: float) -> Result:
    """Two processes of each service behind nginx, each service on a database of its own, their workers, and traffic."""
    with ExitStack() as stack:
        shop = Shop(stack, Path(stack.enter_context(tempfile.TemporaryDirectory())))
        customers = [Customer(shop, number, time.monotonic() + seconds) for number in range(CUSTOMERS)]
        for customer in customers:
            customer.start()
        largest: Counter[str] = Counter()
        while any(customer.is_alive() for customer in customers):
            time.sleep(5)
            largest |= shop.memory()
        found = Found([answer for customer in customers for answer in customer.answers])
        differences = shop.compare()
    rows = [
        Row("requests", note=found.describe()),
        *(Row(what, note=found.describe(what)) for what in found.kinds),
        *(Row(f"memory of {name}, at most", note=f"{size / 2**20:.0f} MiB") for name, size in largest.items()),
        Row("reconcile", note=differences or "nothing differs"),
    ]
    failed = sum(status >= 500 for _, status, _ in found.answers)
    ratios = {
        "MiB of memory": max(largest.values()) / 2**20,
        "requests that failed": float(failed),
        "differences": float(len(differences.splitlines())),
    }
    title = f"{CUSTOMERS} customers for {seconds:.0f} s, {PROCESSES} processes of each service behind nginx, PostgreSQL"
    return Result("soak", title, rows, ratios)


class Shop:
    """The services behind the gateway at `url`, until `stack` is left."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        address = stack.enter_context(fresh_databases())
        ports = {service: [free_port() for _ in range(PROCESSES)] for service in by_calls()}
        split = Split(folder, free_port(), {service: found[0] for service, found in ports.items()}, address)
        self.url = split.url
        prepare(split)
        # Services that call another do so by the gateway, as where it has several addresses.
        gateway = {f"{service.upper()}_URL": split.url for service in by_calls()}
        own = UNBOUNDED | gateway | {"LOG_LEVEL": "ERROR"}
        self.environments = {service: environment(split, service) | own for service in by_calls()}
        self.servers: dict[str, Process] = {}
        stack.enter_context(routing(folder / "gateway", split.port, ports))
        for service, number in itertools.product(by_calls(), range(PROCESSES)):
            name, log = f"{service} {number + 1}", folder / f"{service}-{number}.log"
            server = Process(self.environments[service], log, port=ports[service][number], threads=THREADS)
            self.servers[name] = server
            stack.callback(server.stop)
        for service in by_calls():
            stack.enter_context(working(self.environments[service], folder / f"{service}-work.log"))
        self.products = self.stock(folder / "goods.csv")

    def stock(self, path: Path) -> list[str]:
        rows = [f"SOAK-{number:03d},Soap {number},4.50,100000" for number in range(GOODS)]
        path.write_text("\n".join(["sku,name,price,on_hand", *rows]))
        manage(self.environments["products"], "import_products", str(path), "--strict")
        carol = {"Authorization": f"Bearer {self.log_in('carol')['access']}"}
        found = requests.get(f"{self.url}/api/products/", {"q": "soap", "limit": "50"}, headers=carol, timeout=30)
        return [product["id"] for product in found.json()["results"]]

    def log_in(self, name: str) -> dict[str, str]:
        body = {"email": f"{name}@example.com", "password": PASSWORD}
        return requests.post(f"{self.url}/api/token/", json=body, timeout=30).json()

    def memory(self) -> Counter[str]:
        """Bytes of the largest process of each server."""
        pids = {name: server.popen.pid for name, server in self.servers.items()}
        return Counter({
            name: max(processes.memory_of(one) for one in [pid, *processes.descendants(pid)])
            for name, pid in pids.items()
        })  # fmt: skip

    def compare(self) -> str:
        """What the books say that differs, once all is settled."""
        for _ in range(SETTLED):
            manage(self.environments["orders"], "settle_orders")
        told = [try_manage(self.environments[service], "reconcile") for service in ("orders", "products")]
        return "".join(text for code, text in told if code)


@contextmanager
def fresh_databases():
    """The beginning of the addresses of databases that last as long as the block."""
    name = f"{databases.PREFIX}soak_{uuid.uuid4().hex[:8]}"
    try:
        yield f"{databases.SERVER}/{name}"
    finally:
        with psycopg.connect(f"{databases.SERVER}/postgres", autocommit=True) as server:
            for service in by_calls():
                server.execute(f'DROP DATABASE IF EXISTS "{name}_{service}" WITH (FORCE)')


class Customer(threading.Thread):
    """Somebody who logs in, looks, orders, has it sent or cancels it, and logs out, again and again."""

    def __init__(self, shop: Shop, number: int, ends: float) -> None:
        super().__init__()
        self.shop, self.ends, self.chance = shop, ends, random.Random(number)
        self.name = ("alice", "bob")[number % 2]
        self.session = requests.Session()
        self.answers: list[tuple[str, int, float]] = []

    def run(self) -> None:
        while time.monotonic() < self.ends:
            self.visit()

    def visit(self) -> None:
        tokens, staff = self.log_in(self.name), self.log_in("dave")
        for _ in range(3):
            self.ask("list", "GET", "/api/products/?q=soap&limit=20", tokens)
            order = self.order(tokens)
            if order and self.chance.random() < 0.5:
                self.ask("pay", "POST", f"/api/orders/{order}/pay/", staff, {"reference": order[:8]})
                self.ask("ship", "POST", f"/api/orders/{order}/ship/", staff)
            elif order:
                self.ask("cancel", "POST", f"/api/orders/{order}/cancel/", tokens)
            self.ask("orders", "GET", "/api/orders/?limit=20", tokens)
            tokens = self.ask("refresh", "POST", "/api/token/refresh/", body={"refresh": tokens.get("refresh", "")})
        for pair in (tokens, staff):
            self.ask("log-out", "POST", "/api/token/blacklist/", body={"refresh": pair.get("refresh", "")})

    def log_in(self, name: str) -> dict[str, str]:
        return self.ask("log-in", "POST", "/api/token/", body={"email": f"{name}@example.com", "password": PASSWORD})

    def order(self, tokens: dict[str, str]) -> str:
        """The id of a new order that is placed; empty if it is not, or not yet."""
        lines = [{"product": one, "quantity": 1} for one in self.chance.sample(self.shop.products, 2)]
        made = self.ask("order", "POST", "/api/orders/", tokens, {"lines": lines})
        return made["id"] if made.get("status") == "placed" else ""

    def ask(self, what: str, method: str, path: str, tokens: dict[str, str] | None = None, body=None) -> dict:
        headers = {"Idempotency-Key": f'"{uuid.uuid4()}"'} if what == "order" else {}
        if tokens:
            headers["Authorization"] = f"Bearer {tokens.get('access', '')}"
        began = time.monotonic()
        answer = self.session.request(method, f"{self.shop.url}{path}", json=body, headers=headers, timeout=60)
        self.answers.append((what, answer.status_code, time.monotonic() - began))
        time.sleep(PAUSE)
        return answer.json() if answer.content else {}


class Found:
    """What was answered: what was asked for, the status, and after how many seconds."""

    def __init__(self, answers: list[tuple[str, int, float]]) -> None:
        self.answers = answers
        self.kinds = sorted({what for what, _, _ in answers})

    def describe(self, kind: str = "") -> str:
        own = [(status, seconds) for what, status, seconds in self.answers if kind in ("", what)]
        statuses = ", ".join(f"{count} x {status}" for status, count in sorted(Counter(s for s, _ in own).items()))
        times = quantiles([seconds for _, seconds in own], n=100)
        return f"{statuses}; median {times[49] * 1000:.0f} ms, p99 {times[98] * 1000:.0f} ms"
