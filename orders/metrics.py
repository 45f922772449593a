"""Figures about orders that /metrics reads from the table, so that they hold for the whole shop."""

from collections.abc import Iterable

import structlog
from django.db import DatabaseError
from prometheus_client.core import GaugeMetricFamily

from orders.models import Order

logger = structlog.get_logger(__name__)

NAME = "tessera_orders_unsettled"
HELP = "Orders that are not finished with products: by `state`, owing it a call, waiting for it, or past the deadline"


class Unsettled:
    """How many orders owe, wait and are overdue; nothing where the database does not answer."""

    def describe(self) -> list[GaugeMetricFamily]:
        return [GaugeMetricFamily(NAME, HELP, labels=["state"])]

    def collect(self) -> Iterable[GaugeMetricFamily]:
        [family], orders = self.describe(), Order.objects
        # Each is read along a partial index, so as fast in a shop of millions.
        states = {"owing": orders.owing(), "waiting": orders.waiting(), "overdue": orders.overdue()}
        try:
            for state, found in states.items():
                family.add_metric([state], found.count())
        except DatabaseError as error:
            logger.warning("database_unavailable", error=str(error))
            return []
        return [family]
