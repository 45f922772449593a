"""What came of it: tables, a plot, and whether the goals are met."""

import os
import platform
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.databases import ROOT
from benchmarks.measure import Figure
from database.atomic_file import write_file

TABLES = ROOT / "docs" / "performance-tables.md"
PLOT = ROOT / "docs" / "images" / "performance.svg"
HEAD = """\
# The tables behind "How fast it is"

Written by `python -m benchmarks --check`, a whole run. [performance.md](performance.md) says how it is measured and
what it means. *Times Tessera's* is CPU per request; goals are those of `benchmarks/goals.toml`.
"""
NAMED = (
    "django",
    "djangorestframework",
    "djangorestframework-simplejwt",
    "django-ninja",
    "fastapi",
    "granian",
    "psycopg",
)


@dataclass(frozen=True)
class Row:
    """One line of a table; `ratio` is to Tessera."""

    name: str
    figure: Figure | None = None
    ratio: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Result:
    """What one part came to; `ratios` are what the goals speak of."""

    key: str
    title: str
    rows: list[Row]
    ratios: dict[str, float]
    skipped: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """A goal, and the figure that was reached (None: not measured)."""

    part: str
    name: str
    goal: dict[str, Any]
    figure: float | None
    quick: bool

    @property
    def bound(self) -> float:
        return self.goal["quick"] if self.quick else self.goal.get("at_least", self.goal.get("at_most"))

    @property
    def is_met(self) -> bool:
        if self.figure is None:
            return False
        return self.figure >= self.bound if "at_least" in self.goal else self.figure <= self.bound

    @property
    def is_missed(self) -> bool:
        return self.figure is not None and not self.is_met and not self.goal.get("stretch")

    @property
    def word(self) -> str:
        if self.figure is None:
            return "skipped"
        return "met" if self.is_met else "not met" + (" (stretch)" if self.goal.get("stretch") else "")


def write_table(result: Result) -> str:
    lines = [
        f"### {result.title}",
        "",
        "| | CPU ms/request | of it database | requests/s | p50 ms | p99 ms | spread | times Tessera's |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
        *map(write_row, result.rows),
        *(f"| {name} | skipped: needs {what} | | | | | | |" for name, what in result.skipped.items()),
        "",
    ]
    return "\n".join(lines)


def write_row(row: Row) -> str:
    figure, ratio = row.figure, "" if row.ratio is None else f"{row.ratio:.2f}"
    if figure is None:
        return f"| {row.name} | {row.note} | | | | | | {ratio} |"
    return (
        f"| {row.name} | {figure.cpu * 1e3:.3f} | {figure.database * 1e3:.3f} | {figure.rate:,.0f} | "
        f"{figure.p50 * 1e3:.2f} | {figure.p99 * 1e3:.2f} | {figure.spread:.0%} | {ratio} |"
    )


def write_verdicts(verdicts: list[Verdict]) -> str:
    lines = ["| goal | | reached | |", "|---|--:|--:|---|"]
    for verdict in verdicts:
        sign = "at least" if "at_least" in verdict.goal else "at most"
        reached = "" if verdict.figure is None else f"{verdict.figure:.2f}"
        lines.append(f"| {verdict.part}: {verdict.name} | {sign} {verdict.bound:g} | {reached} | {verdict.word} |")
    return "\n".join(lines)


def write_machine() -> str:
    """The machine and the versions that the figures hold for."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "")
    versions = ", ".join(f"{name} {version(name)}" for name in NAMED if is_installed(name))
    return f"{model or platform.processor()}, {os.cpu_count()} CPUs, Python {platform.python_version()}; {versions}."


def is_installed(name: str) -> bool:
    try:
        version(name)
    except ImportError:
        return False
    return True


def keep(results: list[Result], verdicts: list[Verdict], *, whole: bool) -> None:
    """Write the tables beside the databases; those of a whole run are the document, with the plot."""
    text = "\n".join([write_machine(), "", write_verdicts(verdicts), "", *map(write_table, results)])
    folder = ROOT / "var" / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    write_file(folder / "latest.md", text)
    if not whole:
        return

    write_file(TABLES, f"{HEAD}\n{text}".rstrip() + "\n")
    write_file(PLOT, draw(next(result for result in results if result.key == "list-postgresql")))


def draw(result: Result) -> str:
    """Bars of CPU per request, shortest best, as plain SVG."""
    figures = [(row.name, row.figure) for row in result.rows if row.figure]
    longest = max(figure.cpu for _, figure in figures)
    bars = [draw_bar(number, name, figure, longest) for number, (name, figure) in enumerate(figures)]
    height = 60 + 34 * len(figures)
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 {height}" font-family="sans-serif" font-size="14">',
        f'<rect width="760" height="{height}" fill="#fff"/>',
        f'<text x="16" y="28" font-size="16" font-weight="bold">{result.title}: CPU per request, ms</text>',
        *bars,
        "</svg>",
        "",
    ])  # fmt: skip


def draw_bar(number: int, name: str, figure: Figure, longest: float) -> str:
    top, width = 46 + 34 * number, 420 * figure.cpu / longest
    server = 420 * figure.server / longest
    colour = "#0b6b50" if name == "Tessera" else "#8a94a3"
    database = f'x="{230 + server:.1f}" y="{top}" width="{width - server:.1f}"'
    return (
        f'<text x="16" y="{top + 16}">{name}</text>'
        f'<rect x="230" y="{top}" width="{server:.1f}" height="22" fill="{colour}"/>'
        f'<rect {database} height="22" fill="{colour}" opacity=".55"/>'
        f'<text x="{238 + width:.1f}" y="{top + 16}">{figure.cpu * 1e3:.2f}</text>'
    )
