"""A whole shop in real processes, as its customers and its keeper see it."""

import json
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.journeys import databases
from tests.journeys.processes import Process, manage, serving
from wire.demo import PASSWORD


class Shop:
    """A shop with the demo's people and whatever goods it is given."""

    def __init__(self, environment: Mapping[str, str], process: Process, folder: Path) -> None:
        self.environment, self.process, self.folder = environment, process, folder
        self.url = process.url
        self.tokens = {name: self.log_in(name) for name in ("alice", "bob", "carol", "dave")}

    def log_in(self, name: str) -> str:
        body = {"email": f"{name}@example.com", "password": PASSWORD}
        return self.ask("POST", "/api/token/", body)["access"]

    def ask(self, method: str, path: str, body=None, *, by: str = ""):
        """The body of an answer; raises if it is an error."""
        headers = {"Content-Type": "application/json"} | (self.authorize(by) if by else {})
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def authorize(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[name]}"}

    def stock(self, quantities: Mapping[str, int]) -> list[str]:
        """Put new goods on the shelves, by sku; their ids."""
        rows = [f"{sku},{sku},4.50,{on_hand}" for sku, on_hand in quantities.items()]
        path = self.folder / f"{uuid.uuid4().hex}.csv"
        path.write_text("\n".join(["sku,name,price,on_hand", *rows]))
        manage(self.environment, "import_products", str(path), "--strict")
        return [self.ask("GET", f"/api/products/?q={sku}", by="carol")["results"][0]["id"] for sku in quantities]

    def counters(self, product: str) -> tuple[int, int]:
        """On hand and reserved."""
        found = self.ask("GET", f"/api/products/{product}/", by="carol")
        return found["on_hand"], found["reserved"]

    def order(self, lines: Mapping[str, int], *, by: str = "alice", key: str = "") -> dict[str, object]:
        """A request that orders something, for `clients.run`."""
        return {
            "method": "POST",
            "path": "/api/orders/",
            "headers": self.authorize(by) | {"Idempotency-Key": f'"{key or uuid.uuid4()}"'},
            "body": {"lines": [{"product": product, "quantity": units} for product, units in lines.items()]},
        }

    def act(self, order: str, action: str, **body: str) -> dict[str, object]:
        """A request of the order manager that moves an order on, for `clients.run`."""
        path = f"/api/orders/{order}/{action}/"
        return {"method": "POST", "path": path, "headers": self.authorize("dave"), "body": body}

    def age(self) -> None:
        """Let the lease of every pending order run out, as if nobody had been there for a while."""
        steps = "from orders.models import *; Order.objects.filter(status='pending').update(lease_until=timezone.now())"
        manage(self.environment, "shell", "--no-imports", "--command", steps)

    def settle(self) -> None:
        """Make the calls to products that a busy shop left for later."""
        manage(self.environment, "settle_orders")

    def reconcile(self) -> str:
        """What `manage.py reconcile` says; fails if something differs."""
        return manage(self.environment, "reconcile")


@contextmanager
def opened(kind: str, folder: Path, *, workers: int = 2) -> Iterator[Shop]:
    """A shop in one process group, on a database of its own."""
    with databases.fresh(kind, folder) as url:
        environment = {"DATABASE_URL": url, "LOG_LEVEL": "WARNING"}
        manage(environment, "migrate", "--verbosity", "0")
        manage(environment, "demo")
        with serving(environment, folder / "server.log", workers=workers, threads=8) as process:
            yield Shop(environment, process, folder)
