"""What one customer may have ordered and not yet paid: stock that is held is taken from everybody else."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db.models import Count, QuerySet, Sum

from database import locks, prepared
from orders.inventory import RequestedLine
from orders.lifecycle import UNPAID
from orders.models import Order


class TooManyUnpaid(Exception):
    """With this order a customer would have more unpaid orders, or units in them, than they may."""

    def __init__(self, orders: int, units: int) -> None:
        super().__init__("You have too much ordered that is not paid yet; pay for it or cancel some of it first.")
        self.unpaid = {"orders": orders, "units": units}
        self.limits = {"orders": settings.UNPAID_ORDERS, "units": settings.UNPAID_UNITS}


def check_limits(customer_id: str, lines: Sequence[RequestedLine]) -> None:
    """Raise `TooManyUnpaid` if a customer may not order these lines as well, in the caller's transaction.

    Until that ends nobody else passes here for the same customer, so that each order sees those before it.
    """
    locks.lock_name(f"orders of {customer_id}")
    found = unpaid_of(customer_id=customer_id)
    orders, units = (found[0]["orders"], found[0]["units"]) if found else (0, 0)
    wanted = sum(line.quantity for line in lines)
    if orders + 1 > settings.UNPAID_ORDERS or units + wanted > settings.UNPAID_UNITS:
        raise TooManyUnpaid(orders, units)


@prepared.rows(Order, customer_id="customer_id")
def unpaid_of(customer_id: Any) -> "QuerySet[Order, Any]":
    """How many orders of a customer are not paid, and the units in them; no row where there are none."""
    orders = Order.objects.filter(customer_id=customer_id, status__in=UNPAID).order_by()
    return orders.values("customer_id").annotate(orders=Count("id", distinct=True), units=Sum("lines__quantity"))
