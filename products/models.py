"""What there is: products, their stock, and what is held for orders."""

import uuid
from decimal import Decimal
from typing import Any, Self

from django.core.exceptions import ValidationError
from django.db import connections, models, transaction
from django.db.models import F, Q
from django.db.models.functions import Now, Upper
from django.db.models.lookups import Exact

from database.leases import AbstractLease
from products.text import normalize_for_search
from wire.events import AbstractEvent
from wire.money import CURRENCIES, MAX_AMOUNT, MAX_DIGITS, STORED_PLACES, fits

LAST_LETTER = chr(0x10FFFF)


class PriceRefused(Exception):
    """Nothing can be sold at this price; the message says why."""

    @property
    def errors(self) -> dict[str, list[str]]:
        return {"price": [str(self)]}


class ProductQuerySet(models.QuerySet["Product"]):
    """Questions that people ask of a catalogue."""

    def matching(self, words: str) -> Self:
        """Products whose name and sku hold every one of `words`, in any case and accents."""
        return self.filter(*(Q(search_key__contains=word) for word in normalize_for_search(words).split()))

    def by_relevance(self, words: str) -> list[Self]:
        """The matches, what people mean first: whose sku it is, whose name begins with it, and the others.

        Each is read along an index of its own, and no two hold the same.
        """
        sku, beginning = Q(Exact(Upper("sku"), words.strip().upper())), name_begins_with(words, using=self.db)
        return [self.filter(sku), self.filter(~sku, beginning), self.matching(words).filter(~sku, ~beginning)]

    def in_stock(self) -> Self:
        return self.filter(stock__on_hand__gt=F("stock__reserved"))

    def sold_out(self) -> Self:
        return self.filter(stock__on_hand=F("stock__reserved"))


def name_begins_with(words: str, *, using: str) -> Q:
    """Whether a product's name begins with `words`.

    The bounds tell an index where to begin, and SQLite, which searches none for a LIKE, where to end. In some
    languages a longer text may come before its beginning: such a product then counts as one that does not.
    """
    key = normalize_for_search(words)
    found = Q(search_key__startswith=key, search_key__gte=key)
    return found if connections[using].vendor == "postgresql" else found & Q(search_key__lte=key + LAST_LETTER)


class Product(models.Model):
    """Something for sale. Retired (`active` off), never deleted."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    sku = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True, max_length=4000)
    category = models.CharField(blank=True, max_length=64, db_index=True)
    price = models.DecimalField(max_digits=MAX_DIGITS, decimal_places=STORED_PLACES)
    currency = models.CharField(max_length=3, default="EUR", choices=[(code, code) for code in sorted(CURRENCIES)])
    active = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1, editable=False)
    search_key = models.CharField(max_length=300, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ProductQuerySet.as_manager()

    class Meta:
        ordering = ["search_key", "id"]
        constraints = [models.CheckConstraint(condition=Q(price__gt=0), name="price_above_zero")]
        indexes = [
            models.Index(fields=["search_key", "id"], name="product_by_name"),
            models.Index(fields=["search_key"], name="product_by_beginning", opclasses=["varchar_pattern_ops"]),
            models.Index(Upper("sku"), name="product_by_sku"),
            models.Index(fields=["price", "id"], name="product_by_price"),
            models.Index(fields=["created_at", "id"], name="product_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.sku})"

    @transaction.atomic
    def save(self, *args: Any, **kwargs: Any) -> None:
        """Write it, and with a new product the stock row that every product has."""
        is_new = self._state.adding
        self.search_key = search_key(self.name, self.sku)
        super().save(*args, **kwargs)
        if is_new:
            Stock.objects.get_or_create(product=self)

    def clean(self) -> None:
        """Raise `ValidationError` for a price that nothing can be sold at."""
        try:
            if self.price is not None:
                check_price(self.price, self.currency)
        except PriceRefused as error:
            raise ValidationError(error.errors) from error


def search_key(name: str, sku: str) -> str:
    """What a product is found and ordered by."""
    return normalize_for_search(f"{name} {sku}")


def check_price(price: Decimal, currency: str) -> None:
    """Raise `PriceRefused` for a price that nothing can be sold at."""
    if price <= 0:
        raise PriceRefused("A price is above zero.")
    if price > MAX_AMOUNT:
        raise PriceRefused(f"A price is at most {MAX_AMOUNT:,}.")
    if currency in CURRENCIES and not fits(price, currency):
        raise PriceRefused(f"{currency} has {CURRENCIES[currency]} digits after the point.")


class StockQuerySet(models.QuerySet["Stock"]):
    """Counters that change by one conditional UPDATE each, never by read and write.

    Each answers how many rows it changed: the one that this set names, or none where the condition does not hold.
    """

    def reserve(self, units: int) -> int:
        """Reserve some, if there is enough."""
        return self.filter(on_hand__gte=F("reserved") + units).update(reserved=F("reserved") + units)

    def release(self, units: int) -> int:
        """Undo a reservation."""
        return self.filter(reserved__gte=units).update(reserved=F("reserved") - units)

    def hand_over(self, units: int) -> int:
        """Take reserved goods out of stock."""
        return self.filter(reserved__gte=units).update(reserved=F("reserved") - units, on_hand=F("on_hand") - units)

    def add(self, units: int) -> int:
        """Put goods on hand, or (negative) take them off where nobody holds them."""
        return self.filter(on_hand__gte=F("reserved") - units).update(on_hand=F("on_hand") + units)


class Stock(models.Model):
    """How much of a product there is, and how much of that is held. Written only by `products.stock`."""

    product = models.OneToOneField(Product, primary_key=True, on_delete=models.PROTECT, related_name="stock")
    on_hand = models.PositiveBigIntegerField(default=0, editable=False)
    reserved = models.PositiveBigIntegerField(default=0, editable=False)

    objects = StockQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "stock"
        constraints = [
            models.CheckConstraint(condition=Q(reserved__gte=0), name="reserved_not_negative"),
            models.CheckConstraint(condition=Q(on_hand__gte=F("reserved")), name="stock_not_oversold"),
        ]

    def __str__(self) -> str:
        return f"{self.on_hand} on hand, {self.reserved} reserved"

    @property
    def available(self) -> int:
        return self.on_hand - self.reserved


class ReservationQuerySet(models.QuerySet["Reservation"]):
    """What is held for orders; states change by compare-and-set."""

    def held(self) -> Self:
        return self.filter(state=Reservation.State.HELD)

    def change_state(self, order_id: uuid.UUID, *, before: str, after: str) -> bool:
        """Change the state of an order's reservation if it is `before`; whether this call did."""
        return self.filter(pk=order_id, state=before).update(state=after, changed_at=Now()) == 1


class Reservation(models.Model):
    """What products holds for one order; after a release it stays, as a tombstone."""

    class State(models.TextChoices):
        HELD = "held"
        RELEASED = "released"
        FULFILLED = "fulfilled"
        TAKEN_BACK = "taken_back"

    order_id = models.UUIDField(primary_key=True)
    state = models.CharField(max_length=16, choices=State, default=State.HELD, db_index=True)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now_add=True)

    objects = ReservationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.order_id} ({self.state})"


class ReservationLine(models.Model):
    """One product held for an order, with what it was sold as."""

    reservation = models.ForeignKey(Reservation, on_delete=models.PROTECT, related_name="lines")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField()
    sku = models.CharField(max_length=64)
    name = models.CharField(max_length=200)
    unit_price = models.DecimalField(max_digits=MAX_DIGITS, decimal_places=STORED_PLACES)
    currency = models.CharField(max_length=3)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["reservation", "product"], name="one_line_per_product_held"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="held_quantity_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of {self.sku}"


class Movement(models.Model):
    """One change of a stock row. The sums of the ledger are the counters."""

    class Kind(models.TextChoices):
        RESERVE = "reserve"
        RELEASE = "release"
        FULFIL = "fulfil"
        TAKE_BACK = "take_back"
        CORRECT = "correct"

    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="movements")
    reservation = models.ForeignKey(Reservation, null=True, on_delete=models.PROTECT, related_name="movements")
    kind = models.CharField(max_length=16, choices=Kind)
    on_hand = models.BigIntegerField(default=0, help_text="Change of on hand.")
    reserved = models.BigIntegerField(default=0, help_text="Change of reserved.")
    reason = models.CharField(max_length=200, blank=True)
    sub = models.CharField("who", max_length=64, blank=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["reservation", "product", "kind"], name="one_movement_per_step")]

    def __str__(self) -> str:
        return f"{self.kind} {self.on_hand:+d}/{self.reserved:+d}"


class Event(AbstractEvent):
    """What happened to products."""


class Lease(AbstractLease):
    """Which periodic job of products ran until when."""
