"""A network between service and database: a list and an order by one client, over one connection, with some delay."""

import itertools
import json
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import psycopg

from benchmarks import credentials, databases, load, processes
from benchmarks import measure as measuring
from benchmarks.report import Result, Row
from benchmarks.round_trips import Proxy, counting

ROWS = 1_000
DELAYS = (0.5, 1.0)
"""Milliseconds that each answer of the database takes longer."""
ORDERING = "DRF + SimpleJWT stateless"
PROMISING = "DRF with the same promises"
ASKED = {
    "list": ("Tessera", ORDERING, "FastAPI + SQLAlchemy", "FastAPI + asyncpg"),
    "placing": ("Tessera", ORDERING, PROMISING),
}
NAMES = {("placing", ORDERING): "DRF with select_for_update"}
PRODUCT = str(uuid.UUID(int=1))
BODY = json.dumps({"lines": [{"product": PRODUCT, "quantity": 1}]}).encode()
COUNTED = 100
"""Requests of which the round trips are counted, and during which locks are looked at."""


def measure(kind: str, *, quick: bool) -> list[Result]:
    if kind == "sqlite":
        print("skipped: there is no network to SQLite", file=sys.stderr)
        return []

    url = databases.prepare(kind, ROWS)
    databases.run_shop(url, "stock_up", 10_000_000)
    tokens = {"Tessera": credentials.tessera(url, 10).good}
    theirs = credentials.peers(10).good
    return [
        measure_delay(url, what, delay, tokens=tokens | dict.fromkeys(ASKED[what][1:], theirs), quick=quick)
        for delay in DELAYS
        for what in ASKED
    ]


def measure_delay(url: str, what: str, delay: float, *, tokens: dict[str, list[str]], quick: bool) -> Result:
    """How many of one thing each does in a second, and how often it waits for the database for one."""
    names = [name for name in ASKED[what] if not processes.KINDS[name].missing()]
    skipped = {name: missing for name in ASKED[what] if (missing := processes.KINDS[name].missing())}
    asked = {name: write(what, tokens[name]) for name in names}
    seconds, expect = 1 if quick else 3, 201 if what == "placing" else 200
    with ExitStack() as stack:
        proxies = {name: stack.enter_context(counting(address_of(url), delay=delay / 1000)) for name in names}
        servers = {name: stack.enter_context(processes.serving(name, through(url, proxies[name]))) for name in names}
        figures = measuring.compare(
            {name: (servers[name], asked[name]) for name in names},
            rounds=3 if quick else 5, seconds=seconds, clients=1, expect=expect,
        )  # fmt: skip
        trips = {name: count_trips(servers[name], proxies[name], asked[name]) for name in names}
        locked = measure_lock(url, servers["Tessera"], asked["Tessera"]) if what == "placing" else None
    mine = figures["Tessera"]
    title = {"list": "An authorized list of 20", "placing": "An order"}[what]
    rows = [
        Row(f"{NAMES.get((what, name), name)}, {trips[name]:.1f} round trips", figure, figure.cpu / mine.cpu)
        for name, figure in figures.items()
    ]
    ratios = {f"requests/s of {NAMES.get((what, name), name)}": mine.rate / figures[name].rate for name in names[1:]}
    ratios["round trips"] = trips["Tessera"]
    if locked is not None:
        rows.append(Row("Tessera's row of stock", note=f"locked for {locked:.0%} of the time of an order"))
        ratios["time of an order for which its stock is locked"] = locked
    return Result(f"{what}-{delay:g}-ms", f"{title} with {delay:g} ms of network", rows, ratios, skipped)


def count_trips(server: processes.Server, proxy: Proxy, requests: Iterator[bytes]) -> float:
    before = proxy.trips
    load.run(server.port, requests, clients=1, count=COUNTED)
    return (proxy.trips - before) / COUNTED


def measure_lock(url: str, server: processes.Server, requests: Iterator[bytes]) -> float:
    """The part of the time of orders, one after the other, for which the row of their stock is locked.

    It is looked at past the proxy, again and again.
    """
    looks, is_over = [], threading.Event()

    def look() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not is_over.is_set():
                looks.append(is_locked(connection))
                time.sleep(0.001)

    thread = threading.Thread(target=look)
    thread.start()
    load.run(server.port, requests, clients=1, count=COUNTED)
    is_over.set()
    thread.join()
    return looks.count(True) / len(looks)


def is_locked(connection: psycopg.Connection) -> bool:
    try:
        connection.execute("SELECT 1 FROM products_stock WHERE product_id = %s FOR SHARE NOWAIT", [PRODUCT])
    except psycopg.errors.LockNotAvailable:
        return True
    return False


def address_of(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "127.0.0.1", parts.port or 5432


def through(url: str, proxy: Proxy) -> str:
    parts = urlsplit(url)
    who, at, _ = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{who}{at}127.0.0.1:{proxy.port}").geturl()


def write(what: str, tokens: list[str]) -> Iterator[bytes]:
    for token in itertools.cycle(tokens):
        if what == "list":
            yield load.write_request("GET", "/api/products/", token)
        else:
            yield load.write_request("POST", "/api/orders/", token, BODY, Idempotency_Key=str(uuid.uuid4()))
