"""An authorized list of 20 products, by everybody, on the same rows."""

import json
import sys
from contextlib import ExitStack

from benchmarks import credentials, databases, load, processes
from benchmarks.environments import NEWER, pythons
from benchmarks.measure import compare
from benchmarks.report import Result, Row

ROWS = 1_000
PEOPLE = 100
CLIENTS = 4
PATH = "/api/products/"
BOTH = ("Tessera", "DRF + SimpleJWT", "DRF + SimpleJWT stateless", "django-ninja + ninja-jwt")
DEFAULT = "DRF + SimpleJWT, Django's default"
"""As `startproject` leaves it on SQLite: a connection for each request, and SQLite's own journal."""


def measure(kind: str, *, quick: bool) -> list[Result]:
    """CPU per request of each, and how many times Tessera's that is."""
    url = databases.prepare(kind, ROWS)
    everybody = [name for name in processes.KINDS if not name.endswith(("Django's default", "promises"))]
    names = [*BOTH, DEFAULT] if kind == "sqlite" else everybody
    skipped = {name: processes.KINDS[name].missing() for name in names if processes.KINDS[name].missing()}
    newer = "" if quick else pythons().get(NEWER, "")
    entered = [(name, name, sys.executable) for name in names if name not in skipped]
    entered += [(f"{name}, Python {NEWER}", name, newer) for name in BOTH[::2] if newer]
    ours, theirs = credentials.tessera(url, PEOPLE), credentials.peers(PEOPLE)
    with ExitStack() as stack:
        contestants = {}
        for label, name, python in entered:
            own = databases.copy_as_default(url) if name == DEFAULT else url
            server = stack.enter_context(processes.serving(name, own, python=python))
            tokens = ours if name == "Tessera" else theirs
            contestants[label] = (server, [load.write_request("GET", PATH, token) for token in tokens.good])
            check(server, tokens)
        agree(contestants)
        figures = compare(contestants, rounds=3 if quick else 7, seconds=0.5 if quick else 1.5, clients=CLIENTS)
    own = figures["Tessera"].cpu
    rows = [Row(name, figure, figure.cpu / own) for name, figure in figures.items()]
    ratios = {name: figure.cpu / own for name, figure in figures.items() if name != "Tessera"}
    return [Result(f"list-{kind}", f"Authorized list of 20 of {ROWS:,} products, {kind}", rows, ratios, skipped)]


def check(server: processes.Server, tokens: credentials.Tokens) -> None:
    """An expired token is 401, one without the scope 403."""
    found = [
        load.ask(server.port, load.write_request("GET", PATH, token))[0] for token in (tokens.expired, tokens.bare)
    ]
    assert found == [401, 403], f"{server.name} answers {found} to an expired token and one without the scope"


def agree(contestants: dict) -> None:
    """Everybody answers with the same products."""
    answers = {}
    for name, (server, requests) in contestants.items():
        status, body = load.ask(server.port, requests[0])
        assert status == 200, f"{name} answers {status}: {body[:300]!r}"
        answer = json.loads(body)
        answers[name] = answer.get("results", answer.get("items"))
    expected = answers["Tessera"]
    assert len(expected) == 20
    for name, answer in answers.items():
        assert answer == expected, f"{name} answers with other products: {answer[0]} instead of {expected[0]}"
