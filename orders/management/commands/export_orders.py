"""`manage.py export_orders FILE.csv`"""

import argparse
from datetime import UTC, datetime, time
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.dateparse import parse_date, parse_datetime

from database.csv_writing import ExportCommand
from orders.csv_export import end_of, export_orders
from orders.lifecycle import Status


class Command(ExportCommand):
    help = "Write orders to a CSV file, a row per line with what is known of its order, oldest first."

    export = staticmethod(export_orders)
    noun = "lines"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--since",
            type=read_since,
            metavar="TIME",
            help="only orders created then or later: 2026-01-31, or RFC 3339",
        )
        parser.add_argument(
            "--until",
            type=read_until,
            metavar="TIME",
            help="only orders created before; a day counts to its end, in UTC",
        )
        parser.add_argument(
            "--status", action="append", choices=Status.values, help="only orders in it; may be there several times"
        )

    def choose(self, options: dict[str, Any]) -> dict[str, Any]:
        since, until = options["since"], options["until"]
        if since and until and since >= until:
            raise CommandError("--since is not before --until, so there is nothing between them.")

        return {"since": since, "until": until, "statuses": options["status"] or ()}


def read_since(text: str) -> datetime:
    return read_time(text)[0]


def read_until(text: str) -> datetime:
    return read_time(text)[1]


def read_time(text: str) -> tuple[datetime, datetime]:
    """A day in UTC as its beginning and its end, a moment as itself; without an offset it is in UTC."""
    try:
        day, moment = parse_date(text), parse_datetime(text) if len(text) > len("2026-01-31") else None
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from error
    if day and not moment:
        begin = datetime.combine(day, time(), UTC)
        return begin, end_of(day)
    if moment is None:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a day (2026-01-31) nor a time (2026-01-31T12:00:00Z)")

    moment = in_utc(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    return moment, moment


def in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise argparse.ArgumentTypeError(f"{moment} is beyond the years 1 to 9999") from error
