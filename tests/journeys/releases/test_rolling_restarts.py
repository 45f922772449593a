"""Every process behind the gateway is restarted, one after the other, and nobody who shops sees any of it."""

import threading
import time
import uuid
from collections import Counter
from contextlib import ExitStack

import pytest
import requests

from deploy.services import Split, environment, prepare
from tests.journeys import databases
from tests.journeys.processes import Process, free_port
from tests.journeys.releases.mixed import servers
from tests.journeys.split.shapes import QUIET, Customer, Shape, routing, working
from tokens.registry import by_calls, services
from wire.demo import PASSWORD

pytestmark = pytest.mark.slow

ROUNDS = 2
"""How often each process is restarted."""


class Rolling(Shape):
    """Two processes of each service behind the gateway, through which services call each other, too."""

    def __init__(self, split: Split, stack: ExitStack) -> None:
        inside = {f"{service.upper()}_URL": split.url for service in by_calls()}
        environments = {service: environment(split, service) | QUIET | inside for service in by_calls()}
        super().__init__("rolling", split.url, environments, split.folder / "gateway.log")
        self.ports = {service: [port, free_port()] for service, port in split.ports.items()}
        self.servers = []
        stack.enter_context(routing(split.folder / "gateway", split.port, self.ports))
        for number in range(2):
            for service in by_calls():
                log = split.folder / f"{service}-{number}.log"
                server = Process(environments[service], log, port=self.ports[service][number], threads=8)
                stack.callback(server.stop)
                self.servers.append(server)

    def roll(self) -> None:
        """Restart each process, as a deployment does: the next one once this one is ready."""
        for server in self.servers:
            server.stop()
            assert server.popen.returncode == 0, server.log.read_text()[-3000:]
            server.start()


class Client(threading.Thread):
    """Does one thing over and over on one connection that it keeps, and counts the answers."""

    def __init__(self, shop: Shape, act) -> None:
        super().__init__(daemon=True)
        self.shop, self.act = shop, act
        self.session, self.ended = requests.Session(), threading.Event()
        self.answers, self.wrong = Counter(), []

    def run(self) -> None:
        while not self.ended.is_set():
            try:
                answer = self.act(self)
            except requests.RequestException as error:
                self.count(0, repr(error))
                continue
            self.count(answer.status_code, f"{answer.url} {answer.text}")

    def count(self, status: int, text: str) -> None:
        self.answers[status] += 1
        if status not in (200, 201):
            self.wrong.append((sum(self.answers.values()), status, text[:400]))

    def ask(self, method: str, path: str, **options) -> requests.Response:
        return self.session.request(method, f"{self.shop.url}{path}", timeout=30, **options)


def read(path: str, customer: Customer):
    headers = {"Authorization": f"Bearer {customer.access}"}
    return lambda client: client.ask("GET", path, headers=headers)


def order(customer: Customer, product: str):
    def place(client):
        headers = {"Authorization": f"Bearer {customer.access}", "Idempotency-Key": f'"{uuid.uuid4()}"'}
        body = {"lines": [{"product": product, "quantity": 1}]}
        return client.ask("POST", "/api/orders/", headers=headers, json=body)

    return place


def log_in(name: str):
    def send(client):
        time.sleep(0.2)
        return client.ask("POST", "/api/token/", json={"email": f"{name}@example.com", "password": PASSWORD})

    return send


def refresh(customer: Customer):
    def send(client):
        answer = client.ask("POST", "/api/token/refresh/", json={"refresh": customer.refresh})
        if answer.status_code == 200:
            customer.refresh = answer.json()["refresh"]
        return answer

    return send


def look(client):
    return client.ask("GET", "/login/")


@pytest.fixture(params=databases.BOTH)
def shop(request, tmp_path):
    with ExitStack() as stack:
        where = stack.enter_context(servers(request.param))
        split = Split(tmp_path, free_port(), {service: free_port() for service in by_calls()}, where)
        prepare(split)
        shop = Rolling(split, stack)
        for service in [name for name in by_calls() if services()[name].calls]:
            shop.manage(service, "demo")
            stack.enter_context(working(shop.environments[service], tmp_path / f"{service}-work.log"))
        shop.goods = stock(shop, tmp_path)
        yield shop


def stock(shop, folder):
    """The ids of goods of which there is more than enough."""
    rows = folder / "goods.csv"
    rows.write_text("sku,name,price,on_hand\nroll-1,Roll,4.50,1000000\nroll-2,Bun,2.00,1000000\n")
    shop.manage("products", "import_products", str(rows), "--strict")
    carol = shop.log_in("carol")
    return [carol.find(sku)["id"] for sku in ("roll-1", "roll-2")]


def test_no_request_fails_while_every_process_is_restarted(shop, record_property):
    alice, bob = shop.log_in("alice"), shop.log_in("bob")
    acts = [
        look,
        *[read(path, alice) for path in ("/api/products/?limit=5", "/api/orders/?limit=5", "/api/accounts/me/")],
        *[order(alice, product) for product in shop.goods],
        order(bob, shop.goods[0]),
        log_in("carol"),
        refresh(shop.log_in("alice")),
    ]
    clients = [Client(shop, act) for act in acts]
    for client in clients:
        client.start()

    for _ in range(ROUNDS):
        shop.roll()
    for client in clients:
        client.ended.set()
    for client in clients:
        client.join()

    record_property("requests while everything was restarted", sum(sum(client.answers.values()) for client in clients))
    assert [client.wrong[:3] for client in clients if client.wrong] == []
    assert all(sum(client.answers.values()) > 10 for client in clients)
    for service in ("products", "orders"):
        shop.manage(service, "reconcile")
