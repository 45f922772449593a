"""What a request costs among ten thousand products, and among a million."""

import itertools
import uuid

from benchmarks import credentials, databases, load, processes
from benchmarks import measure as measuring
from benchmarks.parts.ordering import write_orders
from benchmarks.parts.refreshing import write
from benchmarks.report import Result, Row

SIZES = (10_000, 1_000_000)
CLIENTS = 2


def measure(kind: str, *, quick: bool) -> list[Result]:
    rounds, count = (3, 60) if quick else (7, 150)
    few, many = (databases.prepare(kind, size) for size in SIZES)
    windows: dict[tuple[str, int], list[measuring.Window]] = {}
    with processes.serving("Tessera", few) as small, processes.serving("Tessera", many) as large:
        servers = {SIZES[0]: small, SIZES[1]: large}
        work = {size: requests(server.database, (rounds + 1) * count) for size, server in servers.items()}
        for turn, (name, size) in itertools.product(range(rounds + 1), itertools.product(work[SIZES[0]], SIZES)):
            server = servers[size]
            server.look()
            run = [next(work[size][name]) for _ in range(count)]
            window = measuring.observe(server, run, clients=CLIENTS, count=count)
            assert set(window.answers.statuses) <= {200, 201}, f"{name}: {window.answers.statuses}"
            if turn:
                windows.setdefault((name, size), []).append(window)
    figures = {key: measuring.summarize(found) for key, found in windows.items()}
    rows = [Row(f"{name}, {size:,} products", figure) for (name, size), figure in figures.items()]
    ratios = {name: figures[name, SIZES[1]].cpu / figures[name, SIZES[0]].cpu for name in work[SIZES[0]]}
    return [Result(f"growth-{kind}", f"The same request as the catalogue grows, {kind}", rows, ratios)]


def requests(url: str, count: int) -> dict:
    """Endless requests of each sort; a refresh is good once."""
    databases.run_shop(url, "stock_up", 10_000_000)
    people = credentials.tessera(url, count)
    one = f"/api/products/{uuid.UUID(int=5_000)}/"
    return {
        "list": itertools.cycle([load.write_request("GET", "/api/products/", token) for token in people.good[:20]]),
        "detail": itertools.cycle([load.write_request("GET", one, token) for token in people.good[:20]]),
        "place": write_orders(people.good[:20]),
        "refresh": iter([write(token) for token in people.refresh]),
    }
