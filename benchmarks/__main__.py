"""Run the benchmark: `python -m benchmarks [part ...] [--quick] [--db sqlite|postgresql] [--check]`.

A whole run, in which no part is named, writes docs/performance-tables.md.
"""

import argparse
import signal
import sys
import time
import tomllib
from importlib import import_module

from benchmarks import databases, report

PARTS = {
    "list": "lists", "verify": "verifying", "log-in": "logging_in", "refresh": "refreshing", "pages": "pages",
    "search": "searching", "revocation": "revoking", "orders": "ordering", "startup": "starting", "growth": "growing",
    "network": "networking", "apart": "apart", "soak": "soaking", "walk": "walking",
}  # fmt: skip
QUICK = ("list", "verify", "refresh", "startup")
"""What --quick measures: no part that needs a million rows, none that wants long windows to tell 5 %."""
SEPARATE = ("list", "pages", "search", "orders", "growth")
"""Parts that are measured on each database; the others on PostgreSQL, or on the one that is named."""
LONG = ("soak", "walk")
"""What is measured only if it is named: ten minutes of traffic, and a million of everything."""
GOALS = databases.ROOT / "benchmarks" / "goals.toml"


def main() -> int:
    # Whoever ends this ends its servers too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    wish = read_arguments()
    kinds = [wish.db] if wish.db else ["postgresql", "sqlite"]
    if "postgresql" in kinds and not databases.answers():
        print(f"skipped: nobody answers at {databases.SERVER}", file=sys.stderr)
        kinds.remove("postgresql")
    results, began = [], time.perf_counter()
    whole = [part for part in PARTS if part not in LONG]
    for part in wish.part or (QUICK if wish.quick else whole):
        for kind in kinds if part in SEPARATE else kinds[:1]:
            results += run(part, kind, wish.quick)
    is_whole = "postgresql" in kinds and not (wish.part or wish.quick or wish.db)
    verdicts = judge(results, wish.quick, everything=is_whole)
    print(report.write_verdicts(verdicts))
    print(f"{(time.perf_counter() - began) / 60:.0f} minutes", file=sys.stderr)
    report.keep(results, verdicts, whole=is_whole)
    if wish.drop:
        databases.drop_all()
    return int(wish.check and any(verdict.is_missed for verdict in verdicts))


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "part", nargs="*", choices=[*PARTS, []], help="what to measure; without any, all but soak, walk"
    )
    parser.add_argument("--quick", action="store_true", help="short windows, looser goals, no part of a million rows")
    parser.add_argument("--db", choices=["postgresql", "sqlite"], help="on this database alone")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a goal of goals.toml is missed")
    parser.add_argument("--drop", action="store_true", help="drop the databases afterwards, which are else kept")
    return parser.parse_args()


def run(part: str, kind: str, quick: bool) -> list[report.Result]:
    print(f"{part} ({kind})", file=sys.stderr)
    began = time.perf_counter()
    results = import_module(f"benchmarks.parts.{PARTS[part]}").measure(kind, quick=quick)
    for result in results:
        print(report.write_table(result), flush=True)
    print(f"  {time.perf_counter() - began:.0f} s", file=sys.stderr)
    return results


def judge(results: list[report.Result], quick: bool, *, everything: bool) -> list[report.Verdict]:
    """How each goal came out; one whose peer is not installed is skipped, never met."""
    goals, found = tomllib.loads(GOALS.read_text()), {result.key: result.ratios for result in results}
    return [
        report.Verdict(part, name, goal, found.get(part, {}).get(name), quick)
        for part, named in goals.items()
        for name, goal in named.items()
        if part in found or (everything and not part.startswith(LONG))
    ]


if __name__ == "__main__":
    sys.exit(main())
