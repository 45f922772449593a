"""A word that a seventh of a million products holds, beside the ways that look at every match."""

import statistics
import time
from contextlib import closing

import psycopg

from benchmarks import credentials, databases, load, processes
from benchmarks.measure import compare
from benchmarks.report import Result, Row

ROWS = 1_000_000
WORD = "porto"
RANKED = """
    SELECT id, ts_rank(to_tsvector('simple', search_key), query) AS rank
    FROM products_product, to_tsquery('simple', 'porto') AS query
    WHERE search_key LIKE '%porto%' ORDER BY rank DESC, search_key, id LIMIT 21
"""
CONTAINED = """
    SELECT id FROM products_product
    WHERE name LIKE '%porto%' ESCAPE '\\' OR sku LIKE '%porto%' ESCAPE '\\' OR description LIKE '%porto%' ESCAPE '\\'
    ORDER BY name LIMIT 21
"""
NAMES = {"postgresql": "ranking every match", "sqlite": "icontains"}


def measure(kind: str, *, quick: bool) -> list[Result]:
    url = databases.prepare(kind, ROWS)
    tokens = credentials.tessera(url, 20).good
    requests = [load.write_request("GET", f"/api/products/?q={WORD}", token) for token in tokens]
    ask = rank if kind == "postgresql" else contain
    with processes.serving("Tessera", url) as server:
        figure = compare({"Tessera": (server, requests)}, rounds=3 if quick else 5, seconds=1, clients=2)["Tessera"]
        other = statistics.median(ask(url) for _ in range(3 if quick else 5))
    rows = [
        Row("Tessera, the whole request", figure),
        Row(f"{NAMES[kind]}, the statement alone", note=f"{other * 1e3:.0f} ms"),
    ]
    return [Result(f"search-{kind}", f"Search for a common word, {kind}", rows, {NAMES[kind]: other / figure.cpu})]


def rank(url: str) -> float:
    """Seconds of CPU of the server's process; on one process, so that all of it is counted."""
    with psycopg.connect(url) as database:
        database.execute("SET max_parallel_workers_per_gather = 0")
        before = processes.cpu_of(database.info.backend_pid)
        database.execute(RANKED).fetchall()
        return processes.cpu_of(database.info.backend_pid) - before


def contain(url: str) -> float:
    """Seconds of CPU of this thread."""
    import sqlite3

    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
        before = time.thread_time()
        database.execute(CONTAINED).fetchall()
        return time.thread_time() - before
