"""What a request that needs no neighbour costs in a service of its own, beside the same in one process."""

import itertools
import uuid
from contextlib import ExitStack

from benchmarks import credentials, databases, load, processes
from benchmarks.measure import compare
from benchmarks.parts.ordering import write_orders
from benchmarks.report import Result, Row

ROWS = 1_000
PEOPLE = 20
CLIENTS = 2
PAGE = 20
"""Orders that each of the people has at least."""
PATHS = {
    "list": ("products", "/api/products/"),
    "detail": ("products", f"/api/products/{uuid.UUID(int=500)}/"),
    "orders": ("orders", "/api/orders/"),
}


def measure(kind: str, *, quick: bool) -> list[Result]:
    """CPU per request apart and together, on the same rows, with the keys and the list of revoked tokens fetched."""
    url = databases.prepare(kind, ROWS)
    databases.run_shop(url, "stock_up", 10_000_000)
    tokens = credentials.tessera(url, PEOPLE).good
    with ExitStack() as stack:
        together = stack.enter_context(processes.serving("Tessera", url))
        neighbour = f"http://127.0.0.1:{together.port}"
        alone = {"ACCOUNTS_URL": neighbour, "PRODUCTS_URL": neighbour, "CLIENT_ID": "orders", "CLIENT_SECRET": "none"}
        apart = {
            service: stack.enter_context(processes.serving("Tessera", url, **alone, SERVICES=service))
            for service in ("products", "orders")
        }
        place_orders(together, tokens)
        contestants = {}
        for name, (service, path) in PATHS.items():
            requests = [load.write_request("GET", path, token) for token in tokens]
            contestants |= {f"{name}, together": (together, requests), f"{name}, apart": (apart[service], requests)}
        agree(contestants)
        figures = compare(contestants, rounds=3 if quick else 7, seconds=0.4 if quick else 0.8, clients=CLIENTS)
    rows = [Row(name, figure) for name, figure in figures.items()]
    ratios = {name: figures[f"{name}, apart"].cpu / figures[f"{name}, together"].cpu for name in PATHS}
    return [Result(f"apart-{kind}", f"The same request in a service of its own, {kind}", rows, ratios)]


def place_orders(server: processes.Server, tokens: list[str]) -> None:
    requests = itertools.islice(write_orders(tokens), PAGE * len(tokens))
    statuses = load.run(server.port, requests, clients=CLIENTS, count=PAGE * len(tokens)).statuses
    assert set(statuses) == {201}, statuses


def agree(contestants: dict) -> None:
    """Apart and together answer the same."""
    answers = {name: load.ask(server.port, requests[0]) for name, (server, requests) in contestants.items()}
    for name in PATHS:
        assert answers[f"{name}, apart"] == answers[f"{name}, together"], name
        assert answers[f"{name}, apart"][0] == 200, answers[f"{name}, apart"]
