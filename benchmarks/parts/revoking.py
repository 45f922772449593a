"""What a list of revoked tokens costs: its size, the time to build it, to look into it, and who waits meanwhile."""

import itertools
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import jwt

from benchmarks import databases, load, processes
from benchmarks.report import Result, Row
from tokens.status_list import PATH, decompress

SESSIONS = 1_000_000
DRAFT = 13_700
"""Bytes that draft-ietf-oauth-status-list-20 gives for a million entries of which 1 % are revoked."""


def measure(kind: str, *, quick: bool) -> list[Result]:
    emergency = [measure_emergency, measure_log_ins] if kind == "postgresql" and not quick else []
    return [*measure_list(kind, quick=quick), *(result for measure in emergency for result in measure())]


def measure_emergency() -> list[Result]:
    """A scope is taken from a role that a million people have."""
    found = json.loads(databases.run_shop(databases.prepare("postgresql", 1_000), "emergency", SESSIONS - 10_000))
    rows = [
        Row("take the scope", note=f"{found['taken']:.2f} s"),
        Row("first list after it", note=f"{found['first'] * 1000:.0f} ms"),
        Row("next list", note=f"{found['again'] * 1000:.0f} ms"),
    ]
    return [Result("revocation", f"A role of {found['revoked']:,} people loses a scope", rows, {})]


def measure_list(kind: str, *, quick: bool) -> list[Result]:
    url = databases.prepare(kind, 1_000)
    found = json.loads(databases.run_shop(url, "lists", SESSIONS // 10 if quick else SESSIONS))
    return [
        Result(
            "revocation",
            f"A list of {SESSIONS // 10 if quick else SESSIONS:,} sessions, 1 % revoked",
            [
                Row("size, compressed", note=f"{found['bytes'] / 1000:.1f} kB"),
                Row("read and build", note=f"{found['build'] * 1000:.0f} ms"),
                Row("compress", note=f"{found['compress'] * 1000:.0f} ms"),
                Row("look up one token", note=f"{found['lookup']:.2f} µs"),
            ],
            {"of the draft's own size": found["bytes"] / DRAFT},
        )
    ]


CROWD, CLIENTS, SECONDS = 800_000, 2, 20
FETCHED = 4.0
"""Seconds between two looks of another service at a list."""


def measure_log_ins() -> list[Result]:
    """People log in while a role of many living sessions loses a scope, and before, in the same run."""
    with databases.copied(databases.prepare("postgresql", 1_000)) as url:
        found = json.loads(databases.run_shop(url, "crowd", CROWD))
        with processes.serving("Tessera", url, GRANIAN_BLOCKING_THREADS="8") as server, fetching(server) as seen:
            log_ins = itertools.cycle([write_log_in(email, found["password"]) for email in found["emails"]])
            load.run(server.port, log_ins, clients=CLIENTS, seconds=5)
            idle = load.run(server.port, log_ins, clients=CLIENTS, seconds=SECONDS)
            with ThreadPoolExecutor(1) as pool:
                narrowed = pool.submit(databases.run_shop, url, "narrow", found["role"])
                busy = load.run(server.port, log_ins, clients=CLIENTS, seconds=SECONDS)
                taken = json.loads(narrowed.result())
    late = min((at for at, count in seen if count >= CROWD), default=float("inf")) - taken["began"]
    ratios = {f"log-ins meanwhile, {name}": busy.percentile(part) / idle.percentile(part) for name, part in PARTS}
    rows = [
        *(Row(f"log-in, {name}", note=write_answers(answers)) for name, answers in (("idle", idle), ("then", busy))),
        Row("take the scope", note=f"{taken['seconds']:.2f} s"),
        Row("seen by another service", note=f"after {late:.1f} s"),
    ]
    title = f"Log-ins while a role of {CROWD:,} people loses a scope"
    return [Result("revocation-log-ins", title, rows, {**ratios, "seconds until it is seen": late})]


PARTS = (("median", 0.5), ("p99", 0.99))


def write_answers(answers: load.Answers) -> str:
    assert set(answers.statuses) == {200}, answers.statuses
    median, p99, worst = (answers.percentile(part) * 1000 for part in (0.5, 0.99, 1))
    return f"{len(answers.latencies)}, {median:.0f} ms, p99 {p99:.0f} ms, longest {worst:.0f} ms"


def write_log_in(email: str, password: str) -> bytes:
    return load.write_request("POST", "/api/token/", body=json.dumps({"email": email, "password": password}).encode())


@contextmanager
def fetching(server: processes.Server):
    """Another service that fetches the list of these sessions again and again: when, and how many are revoked in it."""
    seen: list[tuple[float, int]] = []
    stop = threading.Event()

    def fetch() -> None:
        while not stop.wait(FETCHED):
            status, token = load.ask(server.port, load.write_request("GET", f"{PATH}1"))
            assert status == 200, token
            listed = jwt.decode(token, options={"verify_signature": False})["status_list"]["lst"]
            seen.append((time.time(), int.from_bytes(decompress(listed)).bit_count()))

    thread = threading.Thread(target=fetch)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()
