"""Orders as an app."""

from django.apps import AppConfig


class OrdersConfig(AppConfig):
    """The service of orders, with its figures on /metrics."""

    name = "orders"

    def ready(self) -> None:
        from orders import metrics  # noqa: PLC0415  # There are models only now.

        metrics.register_metrics()
