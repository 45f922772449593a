"""What was bought: orders, their lines, and the keys under which they were placed."""

import secrets
import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any, Self

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from orders.life import OWES, Status
from wire.events import Event as AbstractEvent
from wire.money import MAX_DIGITS, STORED_PLACES

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_number() -> str:
    """A number for people: 8 random Crockford base32 characters, about 10^12 of them."""
    return "".join(secrets.choice(CROCKFORD) for _ in range(8))


class OrderQuerySet(models.QuerySet["Order"]):
    """Questions about orders, and the one way in which a status changes."""

    def placed_by(self, sub: str) -> Self:
        return self.filter(customer_id=sub)

    def unsettled(self) -> Self:
        """Orders that owe products a verb, or wait for one past their lease."""
        return self.filter(~Q(owes="") | Q(status=Status.PENDING, lease_until__lt=timezone.now()))

    def move(self, order_id: uuid.UUID, *, before: Status, after: Status, **changes: Any) -> bool:
        """Compare-and-set the status, with what the change owes; whether this call won."""
        changes = {"owes": OWES.get((before, after), ""), **changes}
        found = self.filter(pk=order_id, status=before)
        return found.update(status=after, version=F("version") + 1, **changes) == 1


class Order(models.Model):
    """What one customer wants of some products. Its status changes by `move` alone."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.CharField(max_length=8, unique=True, default=new_number, editable=False)
    status = models.CharField(max_length=16, choices=Status, default=Status.PENDING, db_index=True)
    owes = models.CharField(max_length=16, blank=True, help_text="The verb that products has yet to hear.")
    version = models.PositiveIntegerField(default=1)
    customer_id = models.CharField(max_length=64, help_text="The `sub` of the token that placed it.")
    customer_name = models.CharField(max_length=200, blank=True)
    customer_email = models.CharField(max_length=254, blank=True)
    ship_to = models.TextField(blank=True, max_length=1000)
    currency = models.CharField(max_length=3, blank=True)
    total = models.DecimalField(max_digits=MAX_DIGITS + 6, decimal_places=STORED_PLACES, null=True)
    payment_reference = models.CharField(max_length=200, blank=True)
    rejection = models.JSONField(null=True, help_text="Why it was rejected: the problem it was answered with.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    placed_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True, help_text="Until when its placing is somebody's business.")

    objects = OrderQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["customer_id", "-created_at", "-id"], name="order_of_customer"),
            models.Index(fields=["-created_at", "-id"], name="order_by_age"),
            models.Index(fields=["owes"], condition=~Q(owes=""), name="order_owing"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=[status.value for status in Status]), name="order_status_known"),
        ]

    def __str__(self) -> str:
        return self.number


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


KEY_LIFETIME = timedelta(hours=24)


class IdempotencyKey(models.Model):
    """A key under which a caller asked for something once (draft-ietf-httpapi-idempotency-key-header)."""

    sub = models.CharField(max_length=64)
    client_id = models.CharField(max_length=255)
    operation = models.CharField(max_length=32)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of the body, hex.")
    order = models.ForeignKey(Order, null=True, on_delete=models.CASCADE, related_name="+")
    status = models.PositiveSmallIntegerField(null=True, help_text="The stored answer; null while it runs.")
    body = models.JSONField(null=True)
    lease_until = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sub", "client_id", "operation", "key"], name="one_request_per_key"),
        ]

    def __str__(self) -> str:
        return self.key


class Event(AbstractEvent):
    """What happened to orders."""

    class Meta(AbstractEvent.Meta):
        abstract = False


class Lease(models.Model):
    """Which periodic job ran until when, so that any number of workers may run."""

    job = models.CharField(primary_key=True, max_length=64)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return self.job
