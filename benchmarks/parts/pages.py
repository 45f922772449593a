"""A page deep in a million products, beside the first one, and beside OFFSET and COUNT."""

from urllib.parse import quote

from benchmarks import credentials, databases, load, processes
from benchmarks.measure import compare
from benchmarks.report import Result, Row

ROWS = 1_000_000
DEEP = 10_000
PEER = "DRF + SimpleJWT stateless"


def measure(kind: str, *, quick: bool) -> list[Result]:
    url = databases.prepare(kind, ROWS)
    cursor = databases.run_shop(url, "cursor", (DEEP - 1) * 20).strip()
    ours, theirs = credentials.tessera(url, 20).good, credentials.peers(20).good
    with processes.serving("Tessera", url) as server, processes.serving(PEER, url) as peer:
        check(server, peer, ours[0], theirs[0], cursor)
        figures = compare(
            {
                "Tessera, page 1": (server, requests(ours)),
                "Tessera, page 10,000": (server, requests(ours, f"?cursor={quote(cursor)}")),
                "PageNumberPagination, page 10,000": (peer, requests(theirs, f"?page={DEEP}")[:2]),
            },
            rounds=3 if quick else 5, seconds=0.5 if quick else 1.5, clients=2,
        )  # fmt: skip
    first, deep, offset = figures.values()
    rows = [Row(name, figure, figure.cpu / deep.cpu) for name, figure in figures.items()]
    ratios = {"page 10,000 to page 1": deep.cpu / first.cpu, "PageNumberPagination": offset.cpu / deep.cpu}
    return [Result(f"pages-{kind}", f"Page 10,000 of {ROWS:,} products, {kind}", rows, ratios)]


def requests(tokens: list[str], query: str = "") -> list[bytes]:
    return [load.write_request("GET", f"/api/products/{query}", token) for token in tokens]


def check(server: processes.Server, peer: processes.Server, ours: str, theirs: str, cursor: str) -> None:
    """The deep page of both holds the same products."""
    import json

    found = []
    for where, token, query in ((server, ours, f"?cursor={quote(cursor)}"), (peer, theirs, f"?page={DEEP}")):
        status, body = load.ask(where.port, requests([token], query)[0])
        assert status == 200, body[:300]
        found.append([product["id"] for product in json.loads(body)["results"]])
    assert found[0] == found[1], f"{found[0][:2]} is not {found[1][:2]}"
