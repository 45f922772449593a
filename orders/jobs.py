"""What `manage.py work` runs for orders."""

from collections.abc import Callable

from orders.idempotency import clear_keys
from orders.resuming import expire_unpaid, settle_orders

JOBS: dict[str, tuple[Callable[[], object], float]] = {
    "settle": (settle_orders, 5.0),
    "expire": (expire_unpaid, 60.0),
    "clear": (clear_keys, 600.0),
}
"""Each job by its name, with the seconds between two runs."""
