"""What must hold of stock and orders whatever happened (orders.md), in the process that serves both."""

from collections.abc import Iterator

from orders.lifecycle import Status
from orders.models import Event, Order
from orders.reconciliation import find_drift as find_order_drift
from products.models import Reservation
from products.reconciliation import find_drift as find_stock_drift

ENDED = (Status.REJECTED, Status.CANCELLED, Status.EXPIRED)


def find_violations(*, settled: bool) -> list[str]:
    """What does not hold, one sentence each; `settled` also wants that nothing is left to do."""
    found = [*find_stock_drift(), *find_order_drift(), *check_trails(), *check_totals()]
    return [*found, *check_settled(), *check_ended()] if settled else found


def check_trails() -> Iterator[str]:
    """Each change of an order left its event, in the same transaction."""
    events = Event.objects.filter(kind="order").order_by("id").values_list("subject", "what")
    trails: dict[str, list[str]] = {}
    for subject, what in events:
        trails.setdefault(subject, []).append(what)
    for order in Order.objects.all():
        trail = trails.pop(str(order.pk), [])
        if len(trail) != order.version or trail[-1] != order.status:
            yield f"order {order.pk} is {order.status} in version {order.version}, but its events are {trail}"
    yield from (f"there are events of an order {subject} that does not exist" for subject in trails)


def check_totals() -> Iterator[str]:
    """A placed order has a price on every line, and their sum."""
    for order in Order.objects.filter(placed_at__isnull=False).prefetch_related("lines"):
        totals = [line.total for line in order.lines.all()]
        if None in totals or sum(totals) != order.total:
            yield f"order {order.pk} has a total of {order.total} over {totals}"


def check_settled() -> Iterator[str]:
    """Nothing is owed, nothing waits."""
    for order in Order.objects.exclude(outbox="") | Order.objects.filter(status=Status.PENDING):
        yield f"order {order.pk} is {order.status} and owes {order.outbox or 'nothing'}"


def check_ended() -> Iterator[str]:
    """What ended without goods has a tombstone, so that nothing can be held for it any more."""
    states = dict(Reservation.objects.values_list("pk", "state"))
    for order_id in Order.objects.filter(status__in=ENDED).values_list("pk", flat=True):
        if states.get(order_id) != Reservation.State.RELEASED:
            yield f"order {order_id} has ended, but its reservation is {states.get(order_id)}"
