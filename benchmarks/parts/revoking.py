"""What a list of revoked tokens costs: its size, the time to build it, the time to look into it."""

import json

from benchmarks import databases
from benchmarks.report import Result, Row

SESSIONS = 1_000_000
DRAFT = 13_700
"""Bytes that draft-ietf-oauth-status-list-20 gives for a million entries of which 1 % are revoked."""


def measure(kind: str, *, quick: bool) -> list[Result]:
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
