"""A service's part of the page that staff begin on: what waits, and this week beside the last one."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.db.models import Case, IntegerField, QuerySet, Value, When
from django.utils import timezone

from database import bounded_counts

MOST = 1_000
"""Rows that are counted; of more it is said that there are more."""
WEEK = 7
WIDTH, HEIGHT = 280, 100
"""Of a chart, in units of its own; the names of the days stand below it."""
Amount = int | Decimal


class Number(NamedTuple):
    """How much of something there is, and the list of it."""

    label: str
    amount: int
    address: str
    hint: str = ""
    is_urgent: bool = False

    @property
    def shown(self) -> str:
        return f"more than {MOST:,}" if self.amount > MOST else f"{self.amount:,}"


class Cell(NamedTuple):
    """What one day had, and the list of it; nothing on days that are still to come."""

    amount: Amount | None
    text: str
    address: str


class Bar(NamedTuple):
    """One day of a week in a chart."""

    x: float
    y: float
    height: float
    week: str


class Chart(NamedTuple):
    """This week, day by day, beside the last one."""

    title: str
    this_week: list[Cell]
    last_week: list[Cell]
    totals: tuple[Cell, Cell]
    """Of this week and of the last one."""

    @property
    def bars(self) -> list[Bar]:
        """A bar for each day that had something: that of the last week on the left, this one's on the right."""
        weeks = {"last": self.last_week, "this": self.this_week}
        highest = max([cell.amount or 0 for week in weeks.values() for cell in week] + [1])
        bars = []
        for shift, (name, week) in enumerate(weeks.items()):
            for number, cell in enumerate(week):
                if cell.amount:
                    height = round(float(cell.amount / highest) * (HEIGHT - 4), 1)
                    bars.append(Bar(number * WIDTH / WEEK + 6 + 14 * shift, HEIGHT - height, height, name))
        return bars

    @property
    def rows(self) -> list[tuple[float, str, Cell, Cell]]:
        """Each day of the week: where it stands in the chart, its name, and what it had this week and last week."""
        names = [f"{date(2024, 1, number + 1):%a}" for number in range(WEEK)]
        middle = WIDTH / WEEK / 2
        weeks = zip(self.this_week, self.last_week, strict=True)
        return [(number * WIDTH / WEEK + middle, names[number], *cells) for number, cells in enumerate(weeks)]


class Summary(NamedTuple):
    """What a service has to say to staff."""

    numbers: list[Number]
    charts: list[Chart] = []


def count_some(rows: "QuerySet[Any, Any]") -> int:
    """How many rows there are, counted no further than one beyond `MOST`."""
    return bounded_counts.count(rows.order_by(), most=MOST + 1)


# Two weeks --------------------------------------------------------------------------------------


def begin_weeks() -> list[date]:
    """The fourteen days from Monday of last week on, where the shop is."""
    today = timezone.localdate()
    monday = today - timedelta(days=today.weekday() + WEEK)
    return [monday + timedelta(days=number) for number in range(2 * WEEK)]


def begin(day: date) -> datetime:
    """When a day begins, where the shop is."""
    return timezone.make_aware(datetime.combine(day, time()))


def of_two_weeks(rows: "QuerySet[Any, Any]", column: str) -> "QuerySet[Any, Any]":
    """The rows of both weeks, each with the number of its `day`; read along an index of the column."""
    days = begin_weeks()
    ends = [begin(day + timedelta(days=1)) for day in days]
    day = Case(
        *(When(**{f"{column}__lt": end}, then=Value(number)) for number, end in enumerate(ends)),
        output_field=IntegerField(),
    )
    both = rows.filter(**{f"{column}__gte": begin(days[0]), f"{column}__lt": ends[-1]})
    return both.annotate(day=day).values("day").order_by()


def make_chart(
    title: str, amounts: Mapping[int, Amount], *, address: str, column: str, write: Callable[[Any], str]
) -> Chart:
    """A chart of what each of fourteen days had; the list at `address` is narrowed to days of `column`."""
    days, today = begin_weeks(), timezone.localdate()

    def link(first: date, last: date) -> str:
        bounds = {f"{column}__gte": begin(first), f"{column}__lt": begin(last + timedelta(days=1))}
        return f"{address}?{urlencode(bounds)}"

    def cell(number: int) -> Cell:
        amount = amounts.get(number, 0)
        return Cell(None, "", "") if days[number] > today else Cell(amount, write(amount), link(*[days[number]] * 2))

    def total(first: int) -> Cell:
        amount = sum(amounts.get(number, 0) for number in range(first, first + WEEK))
        return Cell(amount, write(amount), link(days[first], days[first + WEEK - 1]))

    cells = [cell(number) for number in range(2 * WEEK)]
    return Chart(title, cells[WEEK:], cells[:WEEK], (total(WEEK), total(0)))
