"""What was bought: orders, their lines, and the keys under which they were placed."""

import secrets
import uuid
from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import Any, Self

from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Concat, Trim
from django.utils import timezone

from database.leases import AbstractLease
from database.prepared import Change, Objects, slots
from orders.lifecycle import OWES, OWNER, Caller, Status, words_of
from wire.events import AbstractEvent
from wire.money import MAX_DIGITS, STORED_PLACES

LEASE = timedelta(seconds=30)
"""For how long a pending order is the business of whoever is placing it."""
DEADLINE = timedelta(minutes=15)
"""After how long a pending order is rejected."""
PAYMENT_TERM = timedelta(hours=24)
"""After how long a placed order that nobody paid expires."""
KEY_LIFETIME = timedelta(hours=24)
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_number() -> str:
    """A number for people: 8 random Crockford base32 characters, about 10^12 of them."""
    return "".join(secrets.choice(CROCKFORD) for _ in range(8))


class OrderQuerySet(models.QuerySet["Order"]):
    """Questions about orders, and the one way in which a status changes."""

    def read(self, order_id: uuid.UUID) -> "Order":
        """An order as it is now; raises `Order.DoesNotExist`."""
        return by_key().get(order_id)

    def placed_by(self, sub: str) -> Self:
        return self.filter(customer_id=sub)

    def visible_to(self, caller: Caller) -> Self:
        """One's own orders; everyone's for `orders:manage`."""
        return self.all() if "orders:manage" in caller.scopes else self.placed_by(caller.sub)

    def open_to(self, caller: Caller, action: str) -> Self:
        """The orders on which a caller may think of an action: one's own, or all with its scope."""
        everyones = words_of(action) - {OWNER}
        return self.placed_by(caller.sub) if everyones.isdisjoint(caller.scopes) else self.all()

    def owing(self) -> Self:
        """Orders of which products has yet to hear a verb."""
        return self.exclude(owes="")

    def waiting(self) -> Self:
        """Pending orders that are nobody's business any more."""
        return self.filter(status=Status.PENDING, lease_until__lt=timezone.now())

    def unsettled(self) -> Self:
        """Orders that owe products a verb, or wait for one past their lease."""
        return self.filter(~Q(owes="") | Q(status=Status.PENDING, lease_until__lt=timezone.now()))

    def overdue(self) -> Self:
        """Pending orders that have waited for products longer than an order may, and are nobody's business."""
        now = timezone.now()
        return self.filter(status=Status.PENDING, created_at__lt=now - DEADLINE, lease_until__lt=now)

    def unpaid(self) -> Self:
        """Placed orders whose time to be paid has run out."""
        return self.filter(status=Status.PLACED, placed_at__lt=timezone.now() - PAYMENT_TERM)

    def move(self, order: "Order", after: str, **changes: Any) -> bool:
        """Compare-and-set the status of an order as it was read, adding what the change owes; whether it won.

        If it did, `order` is then as it is written, but for debts that are paid meanwhile. A change that
        `TRANSITIONS` has not never wins.
        """
        debt = OWES.get((order.status, after))
        if debt is None:
            return False
        if not moving(debt, *changes).run(order.pk, order.status, order.version, after, *changes.values()):
            return False

        changes |= {"status": after, "version": order.version + 1, "owes": f"{order.owes} {debt}".strip()}
        for column, value in changes.items():
            setattr(order, column, value)
        return True

    def take_over(self, order_id: uuid.UUID) -> bool:
        """Make a pending order whose lease has run out this caller's business; whether it is now."""
        now = timezone.now()
        found = self.filter(pk=order_id, status=Status.PENDING, lease_until__lt=now)
        return found.update(lease_until=now + LEASE) == 1

    def let_go(self, order_id: uuid.UUID) -> None:
        """Leave a pending order to whoever comes next."""
        self.filter(pk=order_id, status=Status.PENDING).update(lease_until=timezone.now())


@cache
def by_key() -> Objects["Order"]:
    """One order."""
    [key] = slots(Order, "id")
    return Objects(Order.objects.filter(pk=key).order_by())


@cache
def moving(debt: str, *columns: str) -> Change:
    """Change an order's status and some columns if it is in a status and version, adding to what it owes."""
    key, status, version, after, *values = slots(Order, "id", "status", "version", "status", *columns)
    changes: dict[str, Any] = dict(zip(columns, values, strict=True))
    if debt:
        # An order may be returned before products heard that it was shipped.
        changes["owes"] = Trim(Concat(F("owes"), Value(f" {debt}")))
    found = Order.objects.filter(pk=key, status=status, version=version)
    return Change(found, status=after, version=F("version") + 1, **changes)


class Order(models.Model):
    """What one customer wants of some products. Its status changes by `move` alone."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.CharField(max_length=8, unique=True, default=new_number, editable=False)
    status = models.CharField(max_length=16, choices=Status, default=Status.PENDING)
    owes = models.CharField(max_length=32, blank=True, help_text="The verbs that products has yet to hear, in order.")
    version = models.PositiveIntegerField(default=1)
    customer_id = models.CharField(max_length=64, help_text="The `sub` of the token that placed it.")
    customer_name = models.CharField(max_length=200, blank=True)
    customer_email = models.CharField(max_length=254, blank=True)
    ship_to = models.TextField(blank=True, max_length=1000)
    currency = models.CharField(max_length=3, blank=True)
    total = models.DecimalField(max_digits=MAX_DIGITS + 6, decimal_places=STORED_PLACES, null=True)
    payment_reference = models.CharField(max_length=200, blank=True)
    rejection = models.JSONField(null=True, help_text="Why it was rejected: a code, and the facts per line.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    placed_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True, help_text="Until when its placing is somebody's business.")

    objects = OrderQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["customer_id", "-created_at", "-id"], name="order_of_customer"),
            models.Index(fields=["-created_at", "-id"], name="order_by_age"),
            models.Index(fields=["status", "-created_at", "-id"], name="order_by_status"),
            models.Index(fields=["owes"], condition=~Q(owes=""), name="order_owing"),
            models.Index(fields=["lease_until"], condition=Q(status="pending"), name="order_waiting"),
            models.Index(fields=["placed_at"], condition=Q(status="placed"), name="order_unpaid"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=[status.value for status in Status]), name="order_status_known"
            ),
            models.CheckConstraint(
                condition=Q(placed_at__isnull=True) | Q(total__isnull=False), name="placed_order_has_a_total"
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def is_overdue(self) -> bool:
        """Whether it has waited for products longer than an order may."""
        return self.created_at < timezone.now() - DEADLINE


class Line(models.Model):
    """One product of an order, with its name and price as they were; null while pending."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    product = models.UUIDField(help_text="The id that products knows it by.")
    quantity = models.PositiveIntegerField()
    seen_price = models.DecimalField(
        max_digits=MAX_DIGITS, decimal_places=STORED_PLACES, null=True, help_text="The price that the buyer saw."
    )
    sku = models.CharField(max_length=64, null=True)
    name = models.CharField(max_length=200, null=True)
    unit_price = models.DecimalField(max_digits=MAX_DIGITS, decimal_places=STORED_PLACES, null=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["order", "product"], name="one_line_per_product_ordered"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="ordered_quantity_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of {self.name or self.product}"

    @property
    def total(self) -> Decimal | None:
        return None if self.unit_price is None else self.unit_price * self.quantity


class IdempotencyKey(models.Model):
    """A key under which a caller asked for something once (draft-ietf-httpapi-idempotency-key-header)."""

    sub = models.CharField(max_length=64)
    client_id = models.CharField(max_length=255)
    operation = models.CharField(max_length=32)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of what was asked for, hex.")
    order = models.OneToOneField(Order, on_delete=models.CASCADE, related_name="+")
    status = models.PositiveSmallIntegerField(null=True, help_text="The answer's status; 202 is not final.")
    body = models.TextField(blank=True, help_text="The final answer as it left; empty until then.")
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sub", "client_id", "operation", "key"], name="one_request_per_key"),
        ]

    def __str__(self) -> str:
        return self.key


class Event(AbstractEvent):
    """What happened to orders."""


class Lease(AbstractLease):
    """Which periodic job of orders ran until when."""
