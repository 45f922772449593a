"""Figures about mails that /metrics reads from the tables."""

from prometheus_client.core import GaugeMetricFamily

from database import bounded_counts
from database.table_metrics import TableMetrics
from wire.mail.table import State, mail_tables


class Mails(TableMetrics):
    """How many mails are in each state, and how old the oldest is that waits."""

    def describe(self) -> list[GaugeMetricFamily]:
        return [
            GaugeMetricFamily("tessera_mails", "Mails by `state`, at most 10000 of each", labels=["service", "state"]),
            GaugeMetricFamily("tessera_mail_oldest_seconds", "Age of the oldest waiting mail", labels=["service"]),
        ]

    def fill(self, counts: GaugeMetricFamily, oldest: GaugeMetricFamily) -> None:
        for model in mail_tables():
            service, mails = model._meta.app_label, model.objects.order_by("next_try_at")
            for state in State.values:
                counts.add_metric([service, state], bounded_counts.count(mails.filter(state=state)))
            oldest.add_metric([service], bounded_counts.oldest(mails.waiting(), "written_at"))
