"""From the start of the server to its first answer, and the memory of a worker, beside bare DRF.

Each has what production installs and no more. DRF loads some of it that is there for Tessera, so there is also a
row without that, which is what bare means: `pip install` of the peer alone.
"""

import statistics
import time
from contextlib import suppress

from benchmarks import credentials, databases, load, processes
from benchmarks.environments import OWN, pythons
from benchmarks.report import Result, Row

PEER = "DRF + SimpleJWT stateless"
BARE = f"{PEER}, bare"
ASKED = 200


def measure(kind: str, *, quick: bool) -> list[Result]:
    url = databases.prepare(kind, 1_000)
    own, [theirs] = credentials.tessera(url, 1).good[0], credentials.peers(1).good
    tokens = {"Tessera": own, PEER: theirs, BARE: theirs}
    versions = [OWN] if quick else [*pythons()]
    started = {(name, version): pythons()[version] for version in versions for name in tokens}
    found: dict[tuple[str, str], list[tuple[float, float, int]]] = {key: [] for key in started}
    for turn in range(4 if quick else 8):
        for (name, version), python in started.items():
            figures = start(name, url, tokens[name], python)
            if turn:  # The first compiles.
                found[name, version].append(figures)
    middle = {key: [statistics.median(column) for column in zip(*runs, strict=True)] for key, runs in found.items()}
    rows = [
        Row(
            f"{name}, Python {version}",
            note=f"{cpu:.2f} s of CPU, {wall:.2f} s to the first answer, {memory / 2**20:.0f} MiB",
        )
        for (name, version), (cpu, wall, memory) in middle.items()
    ]
    ratios = {
        "time of bare DRF + SimpleJWT": middle["Tessera", OWN][0] / middle[BARE, OWN][0],
        "memory of bare DRF + SimpleJWT": middle["Tessera", OWN][2] / middle[BARE, OWN][2],
    }
    return [Result("startup", "Start-up to the first answer, memory of a worker", rows, ratios)]


def start(name: str, url: str, token: str, python: str) -> tuple[float, float, int]:
    """Seconds of CPU and of the clock to the first answer; bytes of a worker after some requests."""
    request, began = load.write_request("GET", "/api/products/", token), time.perf_counter()
    with processes.serving(name, url, python=python) as server:
        wait_for_answer(server.port, request)
        wall = time.perf_counter() - began
        server.look()
        cpu = server.cpu()
        load.run(server.port, [request] * ASKED, clients=1, count=ASKED)
        return cpu, wall, server.memory()


def wait_for_answer(port: int, request: bytes) -> None:
    deadline = time.perf_counter() + 30
    while time.perf_counter() < deadline:
        with suppress(OSError):
            if load.ask(port, request)[0] == 200:
                return
        time.sleep(0.01)
    raise RuntimeError("no answer in 30 s")
