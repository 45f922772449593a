"""Text that is older than today's rules is brought into its normal form, in small batches, while the service serves."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

from django.db import IntegrityError, models, transaction

from wire.text import NormalForm, TextRefused
from wire.text_fields import NormalText

BATCH = 100
"""Rows that one transaction holds."""

Row = dict[str, Any]
Derive = Callable[[Row, Row], Row]
"""What other columns of a row become, by its columns as they are and as they will be."""


class Finding(NamedTuple):
    """A text that is not in its normal form; `problem` says why it stays as it is, if it does."""

    row: str
    column: str
    before: str
    after: str
    problem: str = ""

    def __str__(self) -> str:
        if self.problem:
            return f"{self.row}: {self.column} {self.before!a} stays: {self.problem}"

        return f"{self.row}: {self.column} {self.before!a} becomes {self.after!a}"


def columns_of(model: type[models.Model]) -> dict[str, NormalForm]:
    """The columns of a model that have a normal form."""
    return {field.attname: field.normal_form for field in model._meta.concrete_fields if isinstance(field, NormalText)}


def normalize_rows(
    model: Any, columns: Mapping[str, NormalForm], *, derive: Derive | None = None, dry_run: bool = False
) -> Iterator[Finding]:
    """Bring every row of a model into the normal form of its `columns`; what was found in them.

    Safe to repeat, and to run while others write: a row that changes meanwhile is left to its writer. Where several
    would become one, each stays as it is, and so does what is refused. Nothing is done before it is read.
    """
    table = Table(model, columns, derive)
    last: Any = None
    while rows := table.read_batch(last):
        with transaction.atomic():
            found = [table.normalize(row, dry_run=dry_run) for row in rows]
        yield from chain.from_iterable(found)
        last = rows[-1][table.key]


class Table:
    """The rows of a model, and what more than one of them would become."""

    def __init__(self, model: Any, columns: Mapping[str, NormalForm], derive: Derive | None) -> None:
        self.model, self.columns, self.derive = model, columns, derive
        self.rows, self.key = model._base_manager.all(), model._meta.pk.attname
        self.rivals = {name: self.count_rivals(name) for name in columns if model._meta.get_field(name).unique}

    def count_rivals(self, name: str) -> Counter[str]:
        """How many rows would come to have each value."""
        values = self.rows.order_by().values_list(name, flat=True).iterator()
        return Counter(after for before in values if (after := take(self.columns[name], before)) != before)

    def read_batch(self, last: Any) -> list[Row]:
        after = self.rows.order_by("pk") if last is None else self.rows.order_by("pk").filter(pk__gt=last)
        return list(after.values()[:BATCH])

    def normalize(self, row: Row, *, dry_run: bool) -> list[Finding]:
        """Bring one row into its normal form; what was found in it."""
        findings = [finding for name in self.columns if (finding := self.look_at(row, name))]
        changes = {finding.column: finding.after for finding in findings if not finding.problem}
        if self.derive:
            changes |= self.derive(row, row | changes)
        changes = {name: value for name, value in changes.items() if row[name] != value}
        if changes and not dry_run and not self.write(row, changes):
            return [finding._replace(problem="it was changed meanwhile. Run this again.") for finding in findings]

        return findings

    def look_at(self, row: Row, name: str) -> Finding | None:
        """What is found in one column of a row, if it is not in its normal form."""
        found = Finding(f"{self.model._meta.label_lower} {row[self.key]}", name, row[name] or "", "")
        try:
            found = found._replace(after=self.columns[name](found.before))
        except TextRefused as error:
            return found._replace(problem=f"{error} Change it by hand.")
        return None if found.after == found.before else found._replace(problem=self.find_problem(found))

    def find_problem(self, found: Finding) -> str:
        """Why a text cannot become what it should be; empty if it can."""
        column = self.model._meta.get_field(found.column)
        if not found.after and not column.blank:
            return "nothing in it can be seen. Change it by hand."
        if column.max_length and len(found.after) > column.max_length:
            return f"it would be longer than {column.max_length}. Change it by hand."
        if found.column in self.rivals and self.is_taken(found):
            return f"another is {found.after!a}, too. Change one of them by hand."

        return ""

    def is_taken(self, found: Finding) -> bool:
        """Whether another row has, or would come to have, what should be unique."""
        several = self.rivals[found.column][found.after] > 1
        return several or bool(self.rows.filter(**{found.column: found.after}).exists())

    def write(self, row: Row, changes: Row) -> bool:
        """Write a row unless it was changed since it was read, or another took its place; whether it was written."""
        as_read = {name: row[name] for name in changes}
        try:
            with transaction.atomic():
                return bool(self.rows.filter(pk=row[self.key], **as_read).update(**changes))
        except IntegrityError:
            return False


def take(normal_form: NormalForm, text: str) -> str:
    """A text in its normal form; one that is refused, as it stands."""
    try:
        return normal_form(text)
    except TextRefused:
        return text
