"""What an import says of itself, in sentences, for the command and the admin alike."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from products.csv_files.importing import Report
from wire.text import show_plainly

MAX_LISTED = 200
"""Bad rows, and changes of stock, that a page lists."""


def describe(report: Report) -> Iterator[str]:
    """How the file was read, what is worth a look, and what came of it; bad rows and stock are told apart."""
    yield f"Read as {show_plainly(str(report.dialect))}."
    if report.unknown:
        shown = ", ".join(show_plainly(name[:40]) for name in report.unknown[:20])
        more = f" and {len(report.unknown) - 20:,} more" if len(report.unknown) > 20 else ""
        yield f"Columns that are not taken: {shown}{more}."
    for note, number in sorted(report.notes.items()):
        if number:
            yield f"{note}: {number:,}."
    if report.left_alone:
        yield (
            f"The file has another number on hand for {number_of(report.left_alone, 'product')}: their stock is left "
            "alone. --stock set takes the number, --stock add adds it."
        )
    if report.without_stock:
        yield (
            f"New products of which the file says no number on hand: {report.without_stock:,}. "
            "They begin with 0; --on-hand NUMBER gives them another."
        )
    yield summarize(report)


def describe_bad(report: Report) -> Iterator[str]:
    yield from (f"line {line}: {show_plainly(reason)}" for line, reason in report.bad)
    if report.bad_count > len(report.bad):
        yield f"and {report.bad_count - len(report.bad):,} more bad rows"


def describe_stock(report: Report) -> Iterator[str]:
    yield from (f"stock of {sku}: {before:,} before, {after:,} after" for sku, before, after in report.levels)
    if report.corrected > len(report.levels):
        yield f"and {report.corrected - len(report.levels):,} more"


def summarize(report: Report) -> str:
    return (
        f"{report.rows:,} rows: {report.repeats:,} repeats, {report.bad_count:,} bad. "
        f"Products: {report.created:,} created, {report.changed:,} changed, {report.unchanged:,} unchanged"
        f"{'' if report.is_written else ', if it were written'}."
    )


def number_of(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def to_json(report: Report) -> dict[str, Any]:
    """A report as it is kept for a page, with as many bad rows and changes of stock as a page shows."""
    return {
        "lines": list(describe(report)),
        "bad": list(islice(describe_bad(report), MAX_LISTED)),
        "stock": list(islice(describe_stock(report), MAX_LISTED)),
        "bad_count": report.bad_count,
        "corrected": report.corrected,
        "changes": report.created + report.changed,
    }
