"""Figures about accounts that /metrics reads from the tables."""

from prometheus_client.core import GaugeMetricFamily

from accounts.models import SigningKey
from database import bounded_counts
from database.table_metrics import TableMetrics

NAME = "tessera_signing_key_age_seconds"
HELP = "For how long the key of an `algorithm` has signed"


class SigningKeys(TableMetrics):
    """How old each key is that signs; nothing where a shared secret signs."""

    def describe(self) -> list[GaugeMetricFamily]:
        return [GaugeMetricFamily(NAME, HELP, labels=["algorithm"])]

    def fill(self, ages: GaugeMetricFamily) -> None:
        signing = SigningKey.objects.filter(state=SigningKey.State.SIGNING).order_by("signs_from")
        for algorithm, since in signing.values_list("algorithm", "signs_from"):
            ages.add_metric([algorithm], bounded_counts.age(since))
