"""A log-in: how much of it is the hash of the password, and what that hash costs beside Django's default."""

import json

from benchmarks import databases, load, processes
from benchmarks.measure import compare
from benchmarks.report import Result, Row


def measure(kind: str, *, quick: bool) -> list[Result]:
    url = databases.prepare(kind, 1_000)
    found = json.loads(databases.run_shop(url, "hashes", 3 if quick else 10))
    requests = [write_log_in(email, found["password"]) for email in found["emails"]]
    with processes.serving("Tessera", url) as server:
        figures = compare({"Tessera": (server, requests)}, rounds=3, seconds=1 if quick else 2, clients=1)
    figure = figures["Tessera"]
    rows = [
        Row("Tessera, the whole request", figure),
        Row("of it the hash", note=f"{found['ours'] * 1e3:.1f} ms"),
        Row("Django's default hash", note=f"{found['default'] * 1e3:.1f} ms"),
    ]
    ratios = {
        "hash's part of the request": found["ours"] / figure.cpu,
        "Django's default hasher": found["default"] / found["ours"],
    }
    return [Result("log-in", f"Log-in, {kind}", rows, ratios)]


def write_log_in(email: str, password: str) -> bytes:
    return load.write_request("POST", "/api/token/", body=json.dumps({"email": email, "password": password}).encode())
