"""Figures about orders that /metrics reads from the table, so that they hold for the whole shop."""

from typing import cast

from django.db.models import Max, QuerySet
from prometheus_client.core import GaugeMetricFamily

from database import bounded_counts
from database.table_metrics import TableMetrics
from orders.lifecycle import Status
from orders.models import Event, Order, OrderQuerySet

SAMPLE = 1_000
"""Orders whose events are looked at for the oldest of those that owe, or are stuck."""
FAMILIES = [
    ("tessera_orders", "Orders by `status`, at most 10000 of each", "status"),
    (
        "tessera_orders_unsettled",
        "Orders not finished with products, at most 10000 of each `state`: owing it a call, waiting for it, past the "
        "deadline, or stuck",
        "state",
    ),
    (
        "tessera_orders_oldest_seconds",
        "For how long the oldest of the unsettled orders has been in its `state`; of those that owe, that is not stuck",
        "state",
    ),
]


class Orders(TableMetrics):
    """How many orders are in each status, how many owe, wait, are overdue and stuck, and for how long.

    Each is read along an index, and few rows of it, so as fast in a shop of millions.
    """

    def describe(self) -> list[GaugeMetricFamily]:
        return [GaugeMetricFamily(name, text, labels=[label]) for name, text, label in FAMILIES]

    def fill(self, statuses: GaugeMetricFamily, unsettled: GaugeMetricFamily, oldest: GaugeMetricFamily) -> None:
        for status in Status.values:
            statuses.add_metric([status], bounded_counts.count(Order.objects.filter(status=status)))
        for state, found in find_unsettled().items():
            unsettled.add_metric([state], bounded_counts.count(found.order_by()))
            oldest.add_metric([state], measure_oldest(state, found))


def find_unsettled() -> dict[str, OrderQuerySet]:
    """The orders in each state; each has a partial index."""
    orders = cast(OrderQuerySet, Order.objects)
    return {
        "owing": orders.owing(),
        "waiting": orders.waiting(),
        "overdue": orders.overdue(),
        "stuck": orders.stuck(),
    }


def measure_oldest(state: str, found: "QuerySet[Order]") -> float:
    """Seconds since a pending order was made, or since the last event of one that owes or is stuck: it began then."""
    if state in ("waiting", "overdue"):
        return bounded_counts.oldest(found, "created_at")

    found = found if state == "stuck" else found.filter(stuck="")
    names = [str(pk) for pk in found.order_by().values_list("pk", flat=True)[:SAMPLE]]
    events = Event.objects.filter(kind=Order._meta.model_name, subject__in=names).order_by()
    changed = events.values("subject").annotate(at=Max("at")).values_list("at", flat=True)
    return bounded_counts.age(min(changed, default=None))
