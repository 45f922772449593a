"""Orders as an app."""

from django.apps import AppConfig
from prometheus_client.core import REGISTRY


class OrdersConfig(AppConfig):
    """The service of orders, with its metrics on /metrics."""

    name = "orders"

    def ready(self) -> None:
        from orders.metrics import Orders  # noqa: PLC0415  # There are models only now.

        REGISTRY.register(Orders())
