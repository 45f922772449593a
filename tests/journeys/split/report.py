"""What one suite says of both shapes, side by side, at the end of the report."""

import re
from collections import defaultdict

SHAPE = re.compile(r"journeys/split/\w+\.py::(test_\w+)\[(monolith|split)(?:-(.*))?\]$")
WORDS = {"passed": "passes", "failed": "FAILS", "error": "FAILS", "skipped": "skipped"}


def tabulate(stats) -> dict[str, dict[str, str]]:
    """By test, what came of it in each shape."""
    table: dict[str, dict[str, str]] = defaultdict(dict)
    for outcome, word in WORDS.items():
        for report in stats.get(outcome, []):
            found = SHAPE.search(getattr(report, "nodeid", ""))
            if found:
                name = found[1].removeprefix("test_").replace("_", " ") + (f" ({found[3]})" if found[3] else "")
                table[name].setdefault(found[2], word)
    return table


def measured(stats) -> list[tuple[str, object]]:
    """What tests measured, as they recorded it."""
    return sorted(pair for report in stats.get("passed", []) for pair in getattr(report, "user_properties", []))


def write(terminal) -> None:
    """What was measured, and the table, if any test ran in a shape."""
    figures, table = measured(terminal.stats), tabulate(terminal.stats)
    if figures:
        terminal.section("measured")
    for name, value in figures:
        terminal.write_line(f"{name}: {value}")
    if not table:
        return

    width = max(map(len, table))
    terminal.section("one suite, two shapes")
    terminal.write_line(f"{'':{width}}  {'monolith':10}split")
    for name in sorted(table):
        told = [table[name].get(shape, "-") for shape in ("monolith", "split")]
        terminal.write_line(f"{name:{width}}  {told[0]:10}{told[1]}", red="FAILS" in told)
    alike = sum(len(set(told.values())) == 1 and len(told) == 2 for told in table.values())
    terminal.write_line(f"{alike} of {len(table)} come out alike.", bold=True)
