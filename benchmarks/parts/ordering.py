"""Sixty-four clients order the same product at once, and nothing is oversold."""

import itertools
import json
import uuid
from contextlib import ExitStack

from benchmarks import credentials, databases, load, processes
from benchmarks import measure as measuring
from benchmarks.report import Result, Row

ROWS = 10_000
CLIENTS = 64
CUSTOMERS = 500
"""Who order in turn: few orders each, as the limits of what one may have unpaid would have it."""
WORKERS = 2
PEER = "DRF + SimpleJWT stateless"
DEFAULT = f"{PEER}, Django's default"
"""As `startproject` leaves it: a connection for each request, and on SQLite SQLite's own journal."""
PROMISING = "DRF with the same promises"
LESS = "without key, pending order, reservation, ledger, events"
"""What the other peers leave out."""
NAMES = {
    "postgresql": {
        PROMISING: PROMISING,
        PEER: "DRF with select_for_update",
        DEFAULT: "DRF with select_for_update, Django's default",
    },
    "sqlite": {PROMISING: PROMISING, DEFAULT: "Django's default"},
}
HOT = str(uuid.UUID(int=1))
BODY = json.dumps({"lines": [{"product": HOT, "quantity": 1}]}).encode()
LEFT, ASKED = 50, 200


def measure(kind: str, *, quick: bool) -> list[Result]:
    url, names = databases.prepare(kind, ROWS), NAMES[kind]
    ours, theirs = credentials.tessera(url, CUSTOMERS).good, credentials.peers(CUSTOMERS).good
    tokens = {"Tessera": ours, **dict.fromkeys(names, theirs)}
    other = databases.copy_as_default(url) if kind == "sqlite" else url
    databases.run_shop(url, "stock_up", 10_000_000)
    with ExitStack() as stack:
        servers = {"Tessera": stack.enter_context(processes.serving("Tessera", url, workers=WORKERS))}
        for peer in names:
            servers[peer] = stack.enter_context(
                processes.serving(peer, url if peer == PROMISING else other, workers=WORKERS)
            )
        windows, failed = order_all(servers, tokens, rounds=3 if quick else 5, seconds=1 if quick else 3)
        sell_out(url, servers["Tessera"], ours)
    figures = {name: measuring.summarize(found) for name, found in windows.items()}
    mine = figures.pop("Tessera")
    rows, ratios = [Row("Tessera", mine, 1.0)], {}
    for peer, name in names.items():
        said = name if peer == PROMISING else f"{name}, {LESS}"
        rows.append(Row(said, figures[peer], figures[peer].cpu / mine.cpu))
        if failed[peer]:
            rows.append(Row(name, note=f"{failed[peer]} answers were errors"))
        ratios |= {
            f"requests/s of {name}": mine.rate / figures[peer].rate,
            f"p99 of {name}": mine.p99 / figures[peer].p99,
        }
    title = f"Orders on one product, {CLIENTS} clients, {WORKERS} workers, {kind}"
    return [Result(f"orders-{kind}", title, rows, ratios)]


def order_all(servers: dict, tokens: dict, *, rounds: int, seconds: float) -> tuple[dict, dict]:
    """Windows of all in turn; and how many answers of each were no order."""
    windows: dict[str, list[measuring.Window]] = {name: [] for name in servers}
    failed = dict.fromkeys(servers, 0)
    for turn in range(rounds + 1):
        for name, server in servers.items():
            server.look()
            window = measuring.observe(server, write_orders(tokens[name]), clients=CLIENTS, seconds=seconds)
            failed[name] += sum(count for status, count in window.answers.statuses.items() if status != 201)
            assert not failed["Tessera"], f"Tessera answered {window.answers.statuses}"
            if turn:
                windows[name].append(window)
    return windows, failed


def sell_out(url: str, server: processes.Server, tokens: list[str]) -> None:
    """Of more orders than there are goods, exactly as many are placed as there are."""
    before = int(databases.run_shop(url, "stock_up", LEFT))
    answers = load.run(server.port, write_orders(tokens), clients=CLIENTS, count=ASKED)
    assert answers.statuses == {201: LEFT, 409: ASKED - LEFT}, answers.statuses
    assert int(databases.run_shop(url, "stock_up", 10_000_000)) == before + LEFT


def write_orders(tokens: list[str]):
    for token in itertools.cycle(tokens):
        yield load.write_request("POST", "/api/orders/", token, BODY, Idempotency_Key=str(uuid.uuid4()))
