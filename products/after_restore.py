"""What a restored database of products has to catch up with: see docs/back-up.md."""

from collections.abc import Iterator

from products.models import Reservation
from products.reconciliation import find_drift


def after_restore() -> Iterator[str]:
    """Say what the books hold, and who knows what they lack."""
    yield from find_drift()
    held = Reservation.objects.held().count()
    yield f"{held} orders hold goods by these books; run `manage.py reconcile --mend` at orders, which knows the rest"
    yield "corrections, counts and imports of stock since the backup are lost: make them again"
