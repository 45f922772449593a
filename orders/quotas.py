"""What one customer may take: stock that is held and not paid for, and rows that stay, of orders begun in a day."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from django.conf import settings
from django.db.models import Count, Min, Q, QuerySet, Subquery, Sum

from database import clock, locks, prepared
from orders.inventory import RequestedLine
from orders.lifecycle import UNPAID, Status
from orders.models import KEY_LIFETIME, Line, Order
from wire.keyset import Row

DAY = KEY_LIFETIME
"""Every order has at most one key, so orders of a day bound the keys that are remembered."""
NOTHING: dict[str, Any] = {"unpaid": 0, "units": None, "begun": 0, "rejected": 0}


class TooManyUnpaid(Exception):
    """With this order a customer would have more unpaid orders, or units in them, than they may."""

    def __init__(self, orders: int, units: int) -> None:
        super().__init__("You have too much ordered that is not paid yet; pay for it or cancel some of it first.")
        self.unpaid = {"orders": orders, "units": units}
        self.limits = {"orders": settings.UNPAID_ORDERS, "units": settings.UNPAID_UNITS}


class TooManyOrders(Exception):
    """A customer has begun as many orders within a day as they may, or had as many rejected.

    `retry_after` is in seconds: by then the first of these is a day old.
    """

    def __init__(self, found: dict[str, Any], oldest: datetime) -> None:
        super().__init__("You have ordered very often within a day; try again later.")
        self.day = {"orders": found["begun"], "rejected": found["rejected"]}
        self.limits = {"orders": settings.ORDERS_PER_DAY, "rejected": settings.REJECTED_ORDERS_PER_DAY}
        self.retry_after = max(1, ceil((oldest + DAY - clock.now()) / timedelta(seconds=1)))


def ask_quotas(customer_id: str) -> Callable[[], list[Row]]:
    """What a customer has ordered, to be called for it, in the caller's transaction.

    Until that ends nobody else passes here for the same customer, so that each order sees those before it.
    """
    locks.lock_name(f"orders of {customer_id}")
    return orders_of.ask(customer_id=customer_id, since=clock.now() - DAY)


def check_quotas(ordered: list[Row], lines: Sequence[RequestedLine]) -> None:
    """Raise `TooManyOrders` or `TooManyUnpaid` if who has ordered that may not order these lines as well."""
    found = next(iter(ordered), NOTHING)
    if found["begun"] >= settings.ORDERS_PER_DAY:
        raise TooManyOrders(found, found["first_begun"])
    if found["rejected"] >= settings.REJECTED_ORDERS_PER_DAY:
        raise TooManyOrders(found, found["first_rejected"])

    units = found["units"] or 0
    wanted = sum(line.quantity for line in lines)
    if found["unpaid"] + 1 > settings.UNPAID_ORDERS or units + wanted > settings.UNPAID_UNITS:
        raise TooManyUnpaid(found["unpaid"], units)


@prepared.rows(Order, customer_id="customer_id", since="created_at")
def orders_of(customer_id: Any, since: Any) -> "QuerySet[Order, Any]":
    """What a customer has unpaid, whenever it was ordered, and began since then; no row where there is nothing."""
    unpaid, recent = Q(status__in=UNPAID), Q(created_at__gt=since)
    rejected = recent & Q(status=Status.REJECTED)
    # It refers to nothing outside, so that the database reads it once and not for each row.
    lines = Line.objects.filter(order__customer_id=customer_id, order__status__in=UNPAID).order_by()
    units = lines.values("order__customer_id").annotate(units=Sum("quantity")).values("units")
    orders = Order.objects.filter(unpaid | recent, customer_id=customer_id).order_by()
    return orders.values("customer_id").annotate(
        unpaid=Count("id", filter=unpaid),
        begun=Count("id", filter=recent),
        first_begun=Min("created_at", filter=recent),
        rejected=Count("id", filter=rejected),
        first_rejected=Min("created_at", filter=rejected),
        units=Subquery(units),
    )
