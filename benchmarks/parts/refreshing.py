"""Refresh with rotation, beside SimpleJWT with its blacklist; every token is used once."""

import json
import os
import subprocess
import sys

from benchmarks import credentials, databases, load, processes
from benchmarks import measure as measuring
from benchmarks.report import Result, Row

CLIENTS = 2
PEER = "DRF + SimpleJWT"


def measure(kind: str, *, quick: bool) -> list[Result]:
    url = databases.prepare(kind, 1_000)
    rounds, count = (3, 60) if quick else (5, 200)
    tokens = {"Tessera": credentials.tessera(url, (rounds + 1) * count).refresh, PEER: issue(url, (rounds + 1) * count)}
    figures = refresh_all(url, tokens, rounds, count)
    rows = [Row(name, figure, figure.cpu / figures["Tessera"].cpu) for name, figure in figures.items()]
    ratio = figures[PEER].cpu / figures["Tessera"].cpu
    return [Result("refresh", f"Refresh with rotation, {kind}", rows, {"SimpleJWT with blacklist": ratio})]


def issue(url: str, count: int) -> list[str]:
    """Refresh tokens of SimpleJWT, each noted in its table as a log-in does."""
    command = [sys.executable, "-m", "benchmarks.peers.drf.issue", str(count)]
    environment = os.environ | {"DATABASE_URL": url, "PEER_SECRET": processes.SECRET}
    return json.loads(
        subprocess.run(command, env=environment, cwd=databases.ROOT, check=True, stdout=subprocess.PIPE).stdout
    )


def refresh_all(url: str, tokens: dict[str, list[str]], rounds: int, count: int) -> dict[str, measuring.Figure]:
    windows: dict[str, list[measuring.Window]] = {name: [] for name in tokens}
    with processes.serving("Tessera", url) as ours, processes.serving(PEER, url) as theirs:
        for turn in range(rounds + 1):
            for server in (ours, theirs):
                batch = [write(token) for token in tokens[server.name][turn * count : (turn + 1) * count]]
                server.look()
                window = measuring.observe(server, batch, clients=CLIENTS, count=count)
                assert window.answers.statuses == {200: count}, f"{server.name}: {window.answers.statuses}"
                windows[server.name].append(window)
    return {name: measuring.summarize(found[1:]) for name, found in windows.items()}


def write(token: str) -> bytes:
    return load.write_request("POST", "/api/token/refresh/", body=json.dumps({"refresh": token}).encode())
