"""From the start of the server to its first answer, and the memory of a worker, beside bare DRF."""

import statistics
import time
from contextlib import suppress

from benchmarks import credentials, databases, load, processes
from benchmarks.report import Result, Row

PEER = "DRF + SimpleJWT stateless"
ASKED = 200


def measure(kind: str, *, quick: bool) -> list[Result]:
    url = databases.prepare(kind, 1_000)
    tokens = {"Tessera": credentials.tessera(url, 1).good[0], PEER: credentials.peers(1).good[0]}
    found: dict[str, list[tuple[float, float, int]]] = {name: [] for name in tokens}
    for _ in range(3 if quick else 7):
        for name, token in tokens.items():
            found[name].append(start(name, url, token))
    middle = {name: [statistics.median(column) for column in zip(*runs, strict=True)] for name, runs in found.items()}
    rows = [
        Row(name, note=f"{cpu:.2f} s of CPU, {wall:.2f} s to the first answer, {memory / 2**20:.0f} MiB")
        for name, (cpu, wall, memory) in middle.items()
    ]
    ratios = {
        "time of bare DRF + SimpleJWT": middle["Tessera"][0] / middle[PEER][0],
        "memory of bare DRF + SimpleJWT": middle["Tessera"][2] / middle[PEER][2],
    }
    return [Result("startup", "Start-up to the first answer, memory of a worker", rows, ratios)]


def start(name: str, url: str, token: str) -> tuple[float, float, int]:
    """Seconds of CPU and of the clock to the first answer; bytes of a worker after some requests."""
    request, began = load.write_request("GET", "/api/products/", token), time.perf_counter()
    with processes.serving(name, url) as server:
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
