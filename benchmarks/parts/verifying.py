"""What believing a token costs: a new one beside PyJWT's own decode, and one seen before."""

import json

from benchmarks import databases
from benchmarks.report import Result, Row


def measure(kind: str, *, quick: bool) -> list[Result]:
    url = databases.prepare(kind, 1_000)
    found = json.loads(databases.run_shop(url, "verify", 100 if quick else 500))
    new, seen = found["ours"] / found["pyjwt"], found["seen"]
    return [
        Result(
            "verify",
            "Verify a token not seen before (ES256)",
            [
                Row("Tessera, all checks", note=f"{found['ours']:.1f} µs"),
                Row("jwt.decode", note=f"{found['pyjwt']:.1f} µs"),
                Row("Tessera, encrypted as well", note=f"{found['encrypted']:.1f} µs"),
            ],
            {"of PyJWT's own decode": new},
        ),
        Result(
            "authenticate",
            "Authenticate a token seen before, its expiry, key and status checked",
            [
                Row("Tessera", note=f"{seen:.2f} µs"),
                Row("Tessera, encrypted as well", note=f"{found['encrypted_seen']:.2f} µs"),
            ],
            {"microseconds": seen},
        ),
    ]
