"""What orders holds of a person, and forgets of one who is to be erased: what law has a shop keep stays."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.conf import settings
from django.db.models import F, Q, QuerySet

from database import batch_delete, clock
from orders.lifecycle import Status
from orders.models import BasketLine, Event, IdempotencyKey, Line, Mail, Order
from wire import text
from wire.events import changing
from wire.retention.forgetting import forget
from wire.retention.personal_data import Row

OVER = (Status.REJECTED, Status.CANCELLED, Status.EXPIRED, Status.DELIVERED, Status.RETURNED)
"""Where an order stands when nobody waits for anything any more."""
ENDED_UNPAID = Q(status__in=(Status.REJECTED, Status.CANCELLED, Status.EXPIRED), payment_reference="")
NAMELESS = {"customer_name": "", "customer_email": "", "ship_to": "", "tracking": "", "note": ""}


def find(email: str) -> set[str]:
    """The `sub` of whoever ordered under an e-mail address."""
    found = Order.objects.filter(customer_email=text.email(email)).order_by().values_list("customer_id", flat=True)
    return set(found.distinct())


def export(sub: str) -> dict[str, Iterable[Row]]:
    """The rows of a person, table by table."""
    orders = Order.objects.filter(customer_id=sub)
    return {
        "orders": orders.order_by("created_at").values(),
        "lines": Line.objects.filter(order__in=orders).order_by("pk").values(),
        "basket": BasketLine.objects.filter(customer_id=sub).values(),
        "idempotency_keys": IdempotencyKey.objects.filter(sub=sub).values(),
        "mails": Mail.objects.filter(to__in=addresses(sub)).order_by("written_at").values(),
        "events": list_events(sub),
    }


def addresses(sub: str) -> set[str]:
    return {*Order.objects.filter(customer_id=sub).exclude(customer_email="").values_list("customer_email", flat=True)}


def list_events(sub: str) -> Iterator[Row]:
    """What happened to a customer's orders and what they did, without the names of others."""
    keys = {str(key) for key in Order.objects.filter(customer_id=sub).values_list("pk", flat=True)}
    for row in Event.objects.filter(Q(kind="order", subject__in=keys) | Q(sub=sub)).order_by("pk").values():
        who = {} if row["sub"] == sub else {"sub": "", "actor": ""}
        yield {**row, **who, **({} if row["subject"] in keys else {"facts": {}})}


def erase(sub: str) -> Iterator[str]:
    """Empty the basket, and take the person out of the orders that need none; what was done, in words."""
    events = forget(changing(Event).filter(sub=sub))
    mails, _ = Mail.objects.filter(to__in=addresses(sub)).delete()
    baskets, _ = BasketLine.objects.filter(customer_id=sub).delete()
    yield f"{events:,} events say no more of them than their id, {mails:,} mails and {baskets:,} basket lines deleted"

    own = Order.objects.filter(customer_id=sub)
    over, needed = own.filter(status__in=OVER), Q(pk__in=in_books(own))
    yield f"{forget_customer(over.exclude(needed)):,} orders name nobody any more"
    yield f"{over.filter(needed).count():,} orders keep name and address, since the law has the shop keep them"
    if left := own.exclude(status__in=OVER).count():
        yield f"{left:,} orders are not over, and keep their customer: run this again when they are"


def in_books(own: "QuerySet[Order]") -> "QuerySet[Any]":
    """The orders that somebody paid and that are younger than `ORDER_DAYS`."""
    since = clock.now() - settings.KEPT["people in orders"]
    paid = ~Q(payment_reference="") | Q(status__in=(Status.DELIVERED, Status.RETURNED))
    return own.filter(paid, created_at__gte=since).values("pk")


def forget_unpaid() -> int:
    """Take whose they were out of the orders that ended unpaid and are older than `PERSONAL_DAYS`; how many.

    Raises `ClockDiffers` on a machine whose clock is wrong.
    """
    clock.check()
    old = Order.objects.filter(ENDED_UNPAID, created_at__lt=clock.now() - settings.KEPT["people"])
    keys = list(old.exclude(**NAMELESS).order_by().values_list("pk", flat=True))
    return sum(forget_customer(Order.objects.filter(pk__in=batch)) for batch in batch_delete.batches(keys))


def forget_customer(orders: "QuerySet[Order]") -> int:
    """Take whose they were out of some orders; in how many it stood."""
    named = orders.exclude(**NAMELESS)
    return named.update(**NAMELESS, version=F("version") + 1)
