"""What a shop with a million of everything costs staff and operators: each list, search, job and export once."""

import json

import psycopg

from benchmarks import databases
from benchmarks.million import CATALOGUE
from benchmarks.report import Result, Row
from database.atomic_file import write_file

COUNT = 1_000_000
NAME = f"{databases.PREFIX}walk"
LOG = databases.FOLDER / "walk.md"


def measure(kind: str, *, quick: bool) -> list[Result]:
    """On a database of its own, since the jobs clear what they find; on PostgreSQL alone."""
    if kind != "postgresql":
        return []

    count = COUNT // 50 if quick else COUNT
    url = f"{databases.SERVER}/{NAME}"
    with psycopg.connect(f"{databases.SERVER}/postgres", autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{NAME}" WITH (FORCE)')
        server.execute(f'CREATE DATABASE "{NAME}"')
    databases.run_shop(url, "million", count)
    steps = json.loads(databases.run_shop(url, "walk", count))
    databases.FOLDER.mkdir(parents=True, exist_ok=True)
    write_file(LOG, "".join(map(write_line, sorted(steps, key=lambda step: -step["seconds"]))))
    return [summarize(steps, count)]


def write_line(step: dict) -> str:
    scanned = f" SCANNED {', '.join(step['scanned'])}" if step["scanned"] else ""
    return f"{step['seconds']:8.3f} s {step['statements']:5} {step['memory'] >> 20:5} MiB {step['name']}{scanned}\n" + (
        f"           {step['read']:,} rows: {step['worst'][:3000]}\n" if step["read"] > 20_000 else ""
    )


def summarize(steps: list[dict], count: int) -> Result:
    """The slowest of each sort; each step is in a file beside the databases."""
    sorts = {"/admin/": [], "/api/": [], "/": [], "": []}
    for step in steps:
        sorts[next(sort for sort in sorts if step["name"].startswith(sort))].append(step)
    rows = [
        Row(f"{len(found)} addresses under {sort}, the slowest: {slowest['name']}", note=write_note(slowest))
        for sort, found in sorts.items()
        if sort and (slowest := max(found, key=lambda step: step["seconds"]))
    ]
    rows += [Row(step["name"], note=write_note(step)) for step in sorts[""]]
    ratios = {"scans of a big table": sum(bool({*step["scanned"]} - CATALOGUE) for step in steps)}
    return Result("walk-postgresql", f"A shop with {count:,} of everything", rows, ratios)


def write_note(step: dict) -> str:
    size = f", {step['size'] / 1e6:,.0f} MB" if step["size"] > 1e6 else ""
    return f"{step['seconds'] * 1000:,.0f} ms, {step['statements']:,} statements, {step['memory'] >> 20} MiB{size}"
