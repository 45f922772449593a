"""Sixty-four clients order the same product at once, and nothing is oversold."""

import itertools
import json
import uuid

from benchmarks import credentials, databases, load, processes
from benchmarks import measure as measuring
from benchmarks.report import Result, Row

ROWS = 10_000
CLIENTS = 64
WORKERS = 2
PEERS = {"postgresql": "DRF + SimpleJWT stateless", "sqlite": "DRF + SimpleJWT stateless, Django's default"}
HOT = str(uuid.UUID(int=1))
BODY = json.dumps({"lines": [{"product": HOT, "quantity": 1}]}).encode()
LEFT, ASKED = 50, 200
NAMES = {"postgresql": "DRF with select_for_update", "sqlite": "Django's default"}


def measure(kind: str, *, quick: bool) -> list[Result]:
    url, name = databases.prepare(kind, ROWS), NAMES[kind]
    tokens = {"Tessera": credentials.tessera(url, CLIENTS).good, PEERS[kind]: credentials.peers(CLIENTS).good}
    other = databases.copy_as_default(url) if kind == "sqlite" else url
    databases.run_shop(url, "stock_up", 10_000_000)
    with (
        processes.serving("Tessera", url, workers=WORKERS) as ours,
        processes.serving(PEERS[kind], other, workers=WORKERS) as theirs,
    ):
        windows, locked = order_all(ours, theirs, tokens, rounds=3 if quick else 5, seconds=1 if quick else 3)
        sell_out(url, ours, tokens["Tessera"])
    mine, peer = (measuring.summarize(windows[server]) for server in tokens)
    rows = [Row("Tessera", mine, 1.0), Row(name, peer, peer.cpu / mine.cpu)]
    if locked:
        rows.append(Row(name, note=f"{locked} answers were errors"))
    ratios = {f"requests/s of {name}": mine.rate / peer.rate, f"p99 of {name}": mine.p99 / peer.p99}
    return [
        Result(f"orders-{kind}", f"Orders on one product, {CLIENTS} clients, {WORKERS} workers, {kind}", rows, ratios)
    ]


def order_all(
    ours: processes.Server, theirs: processes.Server, tokens: dict, *, rounds: int, seconds: float
) -> tuple[dict, int]:
    """Windows of both in turn; and how many answers of the peer were no order."""
    windows: dict[str, list[measuring.Window]] = {name: [] for name in tokens}
    locked = 0
    for turn in range(rounds + 1):
        for server in (ours, theirs):
            server.look()
            window = measuring.observe(server, write_orders(tokens[server.name]), clients=CLIENTS, seconds=seconds)
            failed = sum(count for status, count in window.answers.statuses.items() if status != 201)
            assert server is theirs or not failed, f"Tessera answered {window.answers.statuses}"
            locked += failed
            if turn:
                windows[server.name].append(window)
    return windows, locked


def sell_out(url: str, server: processes.Server, tokens: list[str]) -> None:
    """Of more orders than there are goods, exactly as many are placed as there are."""
    before = int(databases.run_shop(url, "stock_up", LEFT))
    answers = load.run(server.port, write_orders(tokens), clients=CLIENTS, count=ASKED)
    assert answers.statuses == {201: LEFT, 409: ASKED - LEFT}, answers.statuses
    assert int(databases.run_shop(url, "stock_up", 10_000_000)) == before + LEFT


def write_orders(tokens: list[str]):
    for token in itertools.cycle(tokens):
        yield load.write_request("POST", "/api/orders/", token, BODY, Idempotency_Key=str(uuid.uuid4()))
