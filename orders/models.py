"""What was bought: orders, their lines, and the keys under which they were placed."""

import secrets
import uuid
from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Concat, Trim
from django.utils import timezone

from database import clock, prepared
from database.leases import AbstractLease
from orders.lifecycle import CALLS, Caller, Status
from wire.events import AbstractEvent
from wire.mail.table import AbstractMail
from wire.money import MAX_DIGITS, STORED_PLACES
from wire.text import order_number, read_id
from wire.text_fields import LineField, LinesField

LEASE = timedelta(seconds=30)
"""For how long nobody else goes on with a pending order that somebody is placing."""
DEADLINE = timedelta(minutes=15)
"""After how long a pending order is rejected."""
PAYMENT_TERM = settings.PAYMENT_TERM
"""After how long a placed order that nobody paid expires."""
KEY_LIFETIME = settings.KEPT["idempotency keys"]
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_number() -> str:
    """A number for people: 8 random Crockford base32 characters, about 10^12 of them."""
    return "".join(secrets.choice(CROCKFORD) for _ in range(8))


class OrderQuerySet(models.QuerySet["Order"]):
    """Questions about orders, and the one way in which a status changes."""

    def placed_by(self, sub: str) -> Self:
        return self.filter(customer_id=sub)

    def open_to(self, caller: Caller, *, scopes: Iterable[str]) -> Self:
        """One's own orders; everyone's for whoever has one of the scopes."""
        return self.placed_by(caller.sub) if caller.scopes.isdisjoint(scopes) else self.all()

    def named(self, words: str) -> Self:
        """The order whose number or id that is, however somebody typed it."""
        return self.filter(Q(number=order_number(words)) | Q(pk=read_id(words)))

    def owing(self) -> Self:
        """Orders with calls to products in their outbox."""
        return self.exclude(outbox="")

    def stuck(self) -> Self:
        """Orders that products contradicts, and that want a person."""
        return self.exclude(stuck="")

    def waiting(self) -> Self:
        """Pending orders whose lease has run out."""
        return self.filter(status=Status.PENDING, lease_until__lt=clock.now())

    def unsettled(self) -> Self:
        return self.owing() | self.waiting()

    def due(self) -> Self:
        """Those to be settled that are not stuck."""
        return self.unsettled().filter(stuck="")

    def overdue(self) -> Self:
        """Pending orders past their lease that have waited for products longer than an order may."""
        return self.waiting().filter(created_at__lt=clock.now() - DEADLINE)

    def unpaid(self) -> Self:
        """Placed orders whose time to be paid has run out."""
        return self.filter(status=Status.PLACED, placed_at__lt=clock.now() - PAYMENT_TERM)

    def move(self, order: "Order", after: str, **changes: Any) -> bool:
        """Compare-and-set the status of an order as it was read, adding the call that the change owes; whether it won.

        If it did, `order` is then as it is written, but for calls that are made meanwhile. A change that
        `TRANSITIONS` has not never wins.
        """
        call = CALLS.get((order.status, after))
        was = {"order_id": order.pk, "version": order.version, "before": order.status}
        if call is None or not update_status(call=call, after=after, **was, **changes):
            return False

        changes |= {
            "status": after,
            "version": order.version + 1,
            "stuck": "",
            "tries": 0,
            "last_error": "",
            "outbox": f"{order.outbox} {call}".strip(),
        }
        for column, value in changes.items():
            setattr(order, column, value)
        return True

    def acquire_lease(self, order_id: uuid.UUID) -> bool:
        """Take the lease of a pending order for which it has run out; whether the caller has it now."""
        return self.waiting().filter(pk=order_id).update(lease_until=clock.now() + LEASE) == 1

    def release_leases(self, order_ids: Iterable[uuid.UUID]) -> None:
        """Leave pending orders to whoever comes next."""
        self.filter(pk__in=order_ids, status=Status.PENDING).update(lease_until=clock.now())


class Order(models.Model):
    """What one customer wants of some products. Its status changes by `move` alone."""

    GIVEN = ("ship_to",)
    """The columns that whoever orders fills in; new ones go to the end, for the fingerprints of keys."""
    CUSTOMER = ("customer_id", "customer_name", "customer_email")
    SHOWN = ("id", "number", "status", *CUSTOMER, "created_at", "placed_at", "total", "currency", *GIVEN)
    """The columns that whoever may see an order sees; the API, the pages and the export follow them."""
    TOLD = ("tracking", "note", "refund")
    """What the shop told the customer since it was placed: shown as the others, where there is something."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.CharField(max_length=8, unique=True, default=new_number, editable=False)
    status = models.CharField(max_length=16, choices=Status, default=Status.PENDING)
    # The column keeps the name by which processes of the release before know it.
    outbox = models.CharField(
        max_length=32, blank=True, db_column="owes", help_text="The calls that are owed to products, in order."
    )
    stuck = models.CharField(
        max_length=64, blank=True, default="", db_default="", help_text="Why products contradicts it: a person decides."
    )
    tries = models.IntegerField(
        default=0, db_default=0, help_text="How often products was asked in vain for what the order waits for."
    )
    tried_at = models.DateTimeField(null=True, help_text="When it was asked in vain last.")
    last_error = models.CharField(max_length=200, blank=True, default="", db_default="")
    version = models.PositiveIntegerField(default=1)
    customer_id = models.CharField(max_length=64, help_text="The `sub` of the token that placed it.")
    customer_name = models.CharField(max_length=200, blank=True)
    customer_email = models.CharField(max_length=254, blank=True)
    ship_to = LinesField(blank=True, max_length=1000)
    currency = models.CharField(max_length=3, blank=True)
    # Shown from the lines (`order_details.sum_lines`), since SQLite does not keep all of its digits.
    total = models.DecimalField(max_digits=MAX_DIGITS + 6, decimal_places=STORED_PLACES, null=True)
    payment_reference = LineField(max_length=200, blank=True)
    tracking = LineField(
        max_length=200, blank=True, default="", db_default="", help_text="By what the customer can follow the parcel."
    )
    note = LinesField(
        "note to the customer",
        max_length=1000,
        blank=True,
        default="",
        db_default="",
        help_text="What the customer is told besides.",
    )
    refund = LineField(
        max_length=200, blank=True, default="", db_default="", help_text="What was paid back, and its reference."
    )
    rejection = models.JSONField(null=True, help_text="Why it was rejected: a code, and the facts per line.")
    created_at = clock.TimeField(default=timezone.now, editable=False)
    placed_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True, help_text="Until when whoever is placing it goes on with it alone.")

    objects = OrderQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["customer_id", "-created_at", "-id"], name="order_of_customer"),
            models.Index(fields=["-created_at", "-id"], name="order_by_age"),
            models.Index(fields=["status", "-created_at", "-id"], name="order_by_status"),
            models.Index(fields=["customer_email"], name="order_by_email"),
            models.Index(fields=["placed_at"], name="order_by_placing"),
            models.Index(fields=["outbox"], condition=~Q(outbox=""), name="order_owing"),
            models.Index(fields=["stuck"], condition=~Q(stuck=""), name="order_stuck"),
            models.Index(fields=["lease_until"], condition=Q(status="pending"), name="order_waiting"),
            models.Index(fields=["placed_at"], condition=Q(status="placed"), name="order_unpaid"),
            # The start page of staff adds up two weeks from it alone.
            models.Index(
                fields=["placed_at", "currency", "status", "total"],
                condition=Q(placed_at__isnull=False),
                name="order_sales",
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=Status.values), name="order_status_known"),
            models.CheckConstraint(
                condition=Q(placed_at__isnull=True) | Q(total__isnull=False), name="placed_order_has_a_total"
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def is_waiting(self) -> bool:
        """Whether it is pending, and nobody goes on with it."""
        return self.status == Status.PENDING and (self.lease_until is None or self.lease_until < clock.now())

    @property
    def is_overdue(self) -> bool:
        """Whether it has waited for products longer than an order may."""
        return self.created_at < clock.now() - DEADLINE


COLUMNS = {column.name: column.name for column in Order._meta.concrete_fields}


@prepared.update(Order, order_id="id", before="status", after="status", **COLUMNS)
def update_status(call: str, order_id: Any, version: Any, before: Any, after: Any, **changes: Any) -> int:
    """Change an order's status and some columns if it is in a status and version, adding a call to its outbox."""
    if call:
        # An order may be returned before products heard that it was shipped.
        changes["outbox"] = Trim(Concat(F("outbox"), Value(f" {call}")))
    found = Order.objects.filter(pk=order_id, status=before, version=version)
    # Whatever it was stuck at, it is tried again.
    return found.update(status=after, version=F("version") + 1, stuck="", tries=0, last_error="", **changes)


class Line(models.Model):
    """One product of an order, with its name and price as they were; null while pending."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    product = models.UUIDField(help_text="The id that products knows it by.")
    quantity = models.PositiveIntegerField()
    seen_price = models.DecimalField(
        max_digits=MAX_DIGITS, decimal_places=STORED_PLACES, null=True, help_text="The price that the buyer saw."
    )
    seen_name = models.CharField(
        max_length=200, blank=True, default="", db_default="", help_text="What it was called where it was ordered."
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
        indexes = [models.Index(fields=["product", "order"], name="line_of_product")]

    def __str__(self) -> str:
        return f"{self.quantity} of {self.name or self.seen_name or self.product}"

    @property
    def total(self) -> Decimal | None:
        return None if self.unit_price is None else self.unit_price * self.quantity


class BasketLine(models.Model):
    """A product in somebody's basket, as the page showed it: nothing is held."""

    customer_id = models.CharField(max_length=64, help_text="The `sub` of whose basket it is.")
    product = models.UUIDField(help_text="The id that products knows it by.")
    quantity = models.PositiveIntegerField()
    name = LineField(max_length=200, blank=True)
    price = models.DecimalField(max_digits=MAX_DIGITS, decimal_places=STORED_PLACES)
    currency = models.CharField(max_length=3, blank=True)
    added_at = clock.TimeField(default=timezone.now, db_index=True)

    class Meta:
        ordering = ["added_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["customer_id", "product"], name="one_line_per_product_in_a_basket"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="basket_quantity_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of {self.name or self.product}"

    @property
    def total(self) -> Decimal:
        return self.price * self.quantity


class IdempotencyKey(models.Model):
    """A key under which a caller asked for something once (draft-ietf-httpapi-idempotency-key-header)."""

    sub = models.CharField(max_length=64)
    client_id = models.CharField(max_length=255)
    operation = models.CharField(max_length=32)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of what was asked for, hex.")
    order = models.OneToOneField(Order, on_delete=models.CASCADE, related_name="+")
    status = models.PositiveSmallIntegerField(null=True, help_text="202 once that was answered; nothing else counts.")
    # Nothing is written or read here any more: an answer follows from its order. The column stays for one
    # release, since processes of the release before write it, and could do no more without it.
    body = models.TextField(blank=True, help_text="The final answer, where the release before kept one.")
    created_at = clock.TimeField(default=timezone.now, db_index=True)

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


class Mail(AbstractMail):
    """What orders has to tell a customer by mail: one for each thing that happened to an order."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="+")

    class Meta(AbstractMail.Meta):
        constraints = [models.UniqueConstraint(fields=["order", "kind"], name="one_mail_per_order_and_kind")]
