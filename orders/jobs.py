"""What `manage.py work` runs for orders."""

from collections.abc import Callable

from orders import mails
from orders.basket import clear_baskets
from orders.idempotency import clear_keys
from orders.models import Event, Mail
from orders.personal_data import forget_unpaid
from orders.resuming import expire_unpaid, retry_stuck, settle_orders
from wire.mail.delivery import mail_jobs
from wire.retention.forgetting import DAY, forgetting_jobs

JOBS: dict[str, tuple[Callable[[], object], float]] = {
    "settle": (settle_orders, 5.0),
    "retry": (retry_stuck, 600.0),
    "expire": (expire_unpaid, 60.0),
    "clear": (clear_keys, 600.0),
    "clear baskets": (clear_baskets, 3600.0),
    **forgetting_jobs(Event),
    "forget unpaid": (forget_unpaid, DAY),
    **mail_jobs(Mail, mails.CONTEXTS),
}
"""Each job by its name, with the seconds between two runs."""
