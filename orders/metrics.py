"""Figures about orders that /metrics reads from the table, so that they hold for the whole shop."""

from collections.abc import Iterator

import structlog
from django.db import DatabaseError
from prometheus_client.core import REGISTRY, GaugeMetricFamily

from orders.models import Order

logger = structlog.get_logger(__name__)

NAME = "tessera_orders_unsettled"
HELP = "Orders that are not finished with products: by `state`, owing it a verb, waiting for it, or past the deadline"


class Unsettled:
    """How many orders owe, wait and are overdue; nothing where the database does not answer."""

    def describe(self) -> Iterator[GaugeMetricFamily]:
        yield GaugeMetricFamily(NAME, HELP, labels=["state"])

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            counts = count_unsettled()
        except DatabaseError as error:
            logger.warning("database_unavailable", error=str(error))
            return

        family = GaugeMetricFamily(NAME, HELP, labels=["state"])
        for state, number in counts.items():
            family.add_metric([state], number)
        yield family


def count_unsettled() -> dict[str, int]:
    """The orders in each state; read along partial indexes, so as fast in a shop of millions."""
    orders = Order.objects
    return {
        "owing": orders.owing().count(),
        "waiting": orders.waiting().count(),
        "overdue": orders.overdue().count(),
    }


def register_metrics() -> None:
    """Have /metrics of this process show them."""
    REGISTRY.register(Unsettled())
