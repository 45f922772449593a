"""Real invoices through the HTTP API: `python -m benchmarks.replay FILE.csv.gz --clients 16`.

FILE is "Online Retail" (D. Chen, S. L. Sain, K. Guo, 2012; UCI, CC BY 4.0) or part of it. A new shop gets
the catalogue from it; each invoice is placed as orders of at most 50 products, by many clients at once.
An invoice whose number begins with C takes back what its customer bought last of the same goods: every
other one cancels that order, the rest have it paid, shipped, delivered and returned. In the end the
books must agree, or the exit status is 1.
"""

import argparse
import csv
import gzip
import http.client
import json
import os
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from tqdm import tqdm

from tests.journeys.processes import manage, serving
from wire.demo import PASSWORD

MAX_LINES = 50
"""Products that one order takes."""
TOKEN_AGE = 300.0
"""Seconds after which a client logs in again."""
PATIENCE = 30.0
"""Seconds for which a client asks again where the answer is not final."""
COLUMNS = ["--sku", "StockCode", "--name", "Description", "--price", "UnitPrice", "--currency", "GBP"]


class Order(NamedTuple):
    """What is asked for: quantities by sku."""

    invoice: str
    customer: str
    lines: dict[str, int]


class Answer(NamedTuple):
    status: int
    body: Any
    seconds: float

    @property
    def outcome(self) -> str:
        return "placed" if self.status == 201 else str(self.body.get("code", self.status))


# The file ---------------------------------------------------------------------------------------


def read_rows(path: Path) -> Iterator[dict[str, str]]:
    opener: Callable[..., Any] = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def read_invoices(path: Path, known: dict[str, str]) -> tuple[list[Order], list[Order], Counter[str]]:
    """The invoices and the cancellations in the order of the file; and what of it could not be ordered."""
    invoices: dict[str, Order] = {}
    skipped: Counter[str] = Counter()
    for row in read_rows(path):
        number, sku, quantity = row["InvoiceNo"].strip(), row["StockCode"].strip(), int(float(row["Quantity"]))
        is_return = number.startswith("C")
        if sku not in known:
            skipped["its product is not in the catalogue"] += 1
        elif (quantity < 0) != is_return or not quantity:
            skipped["its quantity is no sale"] += 1
        else:
            invoice = invoices.setdefault(number, Order(number, row["CustomerID"], {}))
            invoice.lines[sku] = invoice.lines.get(sku, 0) + abs(quantity)
    sales = [part for number, invoice in invoices.items() if not number.startswith("C") for part in split(invoice)]
    return sales, [invoice for number, invoice in invoices.items() if number.startswith("C")], skipped


def split(invoice: Order) -> Iterator[Order]:
    """An invoice as orders of at most `MAX_LINES` products."""
    lines = list(invoice.lines.items())
    for start in range(0, len(lines), MAX_LINES):
        yield invoice._replace(lines=dict(lines[start : start + MAX_LINES]))


# The clients ------------------------------------------------------------------------------------


class Shop:
    """The shop as its clients see it; each thread has a connection of its own."""

    def __init__(self, url: str) -> None:
        self.netloc = urlsplit(url).netloc
        self.own = threading.local()
        self.lock = threading.Lock()
        self.tokens: dict[str, tuple[str, float]] = {}

    def ask(self, method: str, path: str, body: Any = None, *, by: str = "", key: str = "") -> Answer:
        """The final answer to a request, and how long it took."""
        started = time.monotonic()
        headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": f'"{key}"'} if key else {})
        headers |= {"Authorization": f"Bearer {self.token(by)}"} if by else {}
        while True:
            status, text = self.send(method, path, json.dumps(body) if body is not None else None, headers)
            if status != 202 or time.monotonic() > started + PATIENCE:
                return Answer(status, json.loads(text or "null"), time.monotonic() - started)
            time.sleep(0.5)

    def send(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> tuple[int, bytes]:
        if not hasattr(self.own, "connection"):
            self.own.connection = http.client.HTTPConnection(self.netloc, timeout=60)
        self.own.connection.request(method, path, body, headers)
        response = self.own.connection.getresponse()
        return response.status, response.read()

    def token(self, name: str) -> str:
        with self.lock:
            access, taken_at = self.tokens.get(name, ("", 0.0))
            if not access or time.monotonic() > taken_at + TOKEN_AGE:
                answer = self.ask("POST", "/api/token/", {"email": f"{name}@example.com", "password": PASSWORD})
                access = answer.body["access"]
                self.tokens[name] = access, time.monotonic()
            return access

    def read_catalogue(self) -> dict[str, str]:
        """The id of each product, by sku."""
        known, path = {}, "/api/products/?limit=100"
        while path:
            page = self.ask("GET", path, by="alice").body
            known |= {row["sku"]: row["id"] for row in page["results"]}
            path = page["next"] and page["next"].partition(self.netloc)[2]
        return known

    def place(self, order: Order, known: dict[str, str]) -> Answer:
        lines = [{"product": known[sku], "quantity": quantity} for sku, quantity in order.lines.items()]
        body = {"lines": lines, "ship_to": f"Invoice {order.invoice}"}
        return self.ask("POST", "/api/orders/", body, by="alice", key=str(uuid.uuid4()))

    def act(self, order_id: str, actions: Sequence[str]) -> Answer:
        """Take actions one after the other; the answer to the last, or to the first that was refused."""
        for action in actions:
            body = {"reference": "REPLAY"} if action == "pay" else {}
            answer = self.ask("POST", f"/api/orders/{order_id}/{action}/", body, by="dave")
            if answer.status != 200:
                break
        return answer


def run(work: Callable[..., Answer], jobs: Iterable[tuple[Any, ...]], *, clients: int, what: str) -> list[Answer]:
    """Have clients share out jobs; the answers in the order of the jobs."""
    jobs = list(jobs)
    with ThreadPoolExecutor(clients) as pool, tqdm(total=len(jobs), desc=what, disable=None) as bar:

        def do(job: tuple[Any, ...]) -> Answer:
            answer = work(*job)
            bar.update()
            return answer

        return list(pool.map(do, jobs))


def find_bought(cancelled: Order, bought: list[tuple[Order, str]]) -> str | None:
    """Take the last order out of `bought` in which the same customer got some of the same goods."""
    for place in range(len(bought) - 1, -1, -1):
        order, order_id = bought[place]
        same_customer = order.customer == cancelled.customer and order.customer
        if same_customer and not order.lines.keys().isdisjoint(cancelled.lines):
            del bought[place]
            return order_id
    return None


# What is done and told --------------------------------------------------------------------------


def replay(shop: Shop, path: Path, clients: int) -> bool:
    """Place and take back; whether nothing came of it that must not."""
    known = shop.read_catalogue()
    sales, cancellations, skipped = read_invoices(path, known)
    invoices = len({order.invoice for order in sales})
    print(f"{invoices:,} invoices are {len(sales):,} orders; {len(cancellations):,} invoices cancel")
    print(f"  lines left out: {tell(skipped)}")

    started = time.monotonic()
    answers = run(lambda order: shop.place(order, known), [(order,) for order in sales], clients=clients, what="Orders")
    outcomes = Counter(answer.outcome for answer in answers)
    print_figures(answers, time.monotonic() - started, clients)
    print(f"  {tell(outcomes)}")

    bought = [(order, answer.body["id"]) for order, answer in zip(sales, answers, strict=True) if answer.status == 201]
    undone = Counter(answer.body["status"] for answer in take_back(shop, cancellations, bought, clients))
    lost = len(cancellations) - undone.total()
    print(f"cancelling invoices: {tell(undone)}, {lost:,} of no order that is left")
    return set(outcomes) <= {"placed", "insufficient-stock"} and set(undone) <= {"cancelled", "returned"}


def take_back(shop: Shop, cancellations: list[Order], bought: list[tuple[Order, str]], clients: int) -> list[Answer]:
    found = [order_id for cancelled in cancellations if (order_id := find_bought(cancelled, bought))]
    ways = (["cancel"], ["pay", "ship", "deliver", "return"])
    jobs = [(order_id, ways[number % 2]) for number, order_id in enumerate(found)]
    return run(shop.act, jobs, clients=clients, what="Cancellations")


def print_figures(answers: list[Answer], seconds: float, clients: int) -> None:
    cuts = statistics.quantiles([answer.seconds for answer in answers], n=100, method="inclusive")
    print(
        f"{len(answers):,} orders by {clients} clients in {seconds:.1f} s: {len(answers) / seconds:.1f} per second, "
        f"p50 {cuts[49] * 1000:.0f} ms, p99 {cuts[98] * 1000:.0f} ms"
    )


def tell(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {what}" for what, count in counts.most_common()) or "none"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--workers", type=int, default=2, help="server processes")
    parser.add_argument("--on-hand", type=int, default=1000, help="how many there are of each product")
    parser.add_argument("--database", default="", help="DATABASE_URL of an empty database (a SQLite file)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return measure(options, Path(folder))


def measure(options: argparse.Namespace, folder: Path) -> int:
    database = options.database or f"sqlite:///{folder / 'shop.sqlite3'}"
    environment = {"DATABASE_URL": database, "LOG_LEVEL": "WARNING"}
    manage(environment, "migrate", "--verbosity", "0")
    manage(environment, "demo")
    told = manage(environment, "import_products", str(options.file), *COLUMNS, "--on-hand", str(options.on_hand))
    print(f"catalogue: {told.splitlines()[-1]}")
    with serving(environment, folder / "server.log", workers=options.workers) as process:
        fine = replay(Shop(process.url), options.file, options.clients)
    print(f"settle_orders: {manage(environment, 'settle_orders').strip()}")
    print(f"reconcile: {'; '.join(manage(environment, 'reconcile').splitlines())}")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
