"""Metrics that are read from tables, so that they hold for the whole shop and not for one process."""

from collections.abc import Iterable
from contextlib import nullcontext
from typing import Any

import structlog
from django.db import DatabaseError, connection
from prometheus_client.core import Metric

from database.deadlines import deadline, seconds_left

logger = structlog.get_logger(__name__)


class TableMetrics:
    """A collector; tells nothing where the database does not answer.

    It has half of the time that is left, so that a table that is locked takes no figures of others away.
    """

    def describe(self) -> list[Any]:
        """Its metrics, without values yet."""
        raise NotImplementedError

    def fill(self, *families: Any) -> None:
        """Give them their values; may raise `DatabaseError`."""
        raise NotImplementedError

    def collect(self) -> Iterable[Metric]:
        families, left = self.describe(), seconds_left()
        try:
            with nullcontext() if left is None else deadline(left / 2):
                self.fill(*families)
        except DatabaseError as error:
            logger.warning("database_unavailable", error=str(error))
            connection.close_if_unusable_or_obsolete()  # It is, after a wait that was given up: others need another.
            return []
        return families
