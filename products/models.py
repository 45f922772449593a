"""What there is: products, their stock, and what is held for orders."""

import re
import uuid
from decimal import Decimal
from typing import Any, Self

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import connections, models, transaction
from django.db.models import F, Q, Value
from django.db.models.functions import Now, Upper
from django.db.models.lookups import Contains, Exact

from database import clock
from database.beginnings import LAST_LETTER
from database.leases import AbstractLease
from products import search_keys
from products.search_index import may_hold
from wire import text
from wire.events import MAX_ACTOR, AbstractEvent
from wire.money import CURRENCIES, MAX_AMOUNT, MAX_DIGITS, STORED_PLACES, fits
from wire.normalizing import take
from wire.search_key import fold
from wire.text_fields import DerivedLine, DerivedLines, LineField, LinesField

SHORTEST = 3
"""Letters of a word that is looked for in descriptions; of three letters the index of PostgreSQL knows where."""
NOTHING = Q(pk__in=())


class Holds(Contains):
    """As `contains`, of folded text: SQLite, which finds words by reading, reads several times as fast."""

    def as_sqlite(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        column, params = self.process_lhs(compiler, connection)
        return f"INSTR({column}, %s) > 0", [*params, self.rhs]


for kind in (models.CharField, models.TextField):
    # Under a name of its own; to PostgreSQL it is `contains`.
    kind.register_lookup(Holds, "holds")


class PriceRefused(Exception):
    """Nothing can be sold at this price; the message says why."""

    @property
    def errors(self) -> dict[str, list[str]]:
        return {"price": [str(self)]}


class ProductQuerySet(models.QuerySet["Product"]):
    """Questions that people ask of a catalogue."""

    def matching(self, words: str) -> Self:
        """Products whose name, sku and description hold every one of `words`, in any case and accents."""
        return self.filter(may_hold(split_words(words), using=self.db), is_named(words) | is_described(words))

    def by_relevance(self, words: str) -> list[Self]:
        """The matches, what people mean first: whose sku it is, whose name begins with it, whose name or sku holds
        the words, and whose description does.

        Each is read along an index of its own, and no two hold the same.
        """
        # Both by the database, whose capitals are not always Python's.
        sku = Q(Exact(Upper("sku"), Upper(Value(take(text.identifier, words)))))
        begins = name_begins_with(words, using=self.db)
        named, described = is_named(words), is_described(words)
        near = self.filter(may_hold(split_words(words), using=self.db))
        return [
            self.filter(sku),
            self.filter(~sku, begins),
            near.filter(~sku, ~begins, named),
            near.filter(~sku, ~begins, ~named, described),
        ]

    def in_stock(self) -> Self:
        return self.filter(stock__on_hand__gt=F("stock__reserved"))

    def sold_out(self) -> Self:
        return self.filter(stock__on_hand=F("stock__reserved"))

    def low(self) -> Self:
        """Products on sale of which no more is available than staff want to be told of."""
        watched = self.filter(active=True, low_stock__isnull=False)
        return watched.filter(stock__on_hand__lte=F("stock__reserved") + F("low_stock"))


MOST_WORDS = 100
"""As many as 200 typed letters hold; one letter may stand for a sentence, and of more nothing is found."""


BETWEEN_WORDS = re.compile("[\u060c\u061b\u3001]|[,;](?![0-9])|(?<![0-9])[,;]")
"""Commas and semicolons of any script, but for one between two digits: `1,5`."""


def split_words(words: str) -> list[str]:
    """What is searched for: each word of a key, without what punctuates a list of them: `tea, green` is `tea green`."""
    key = fold(words)
    found = BETWEEN_WORDS.sub(" ", key).split() or key.split()
    return found if len(found) <= MOST_WORDS else []


def is_named(words: str) -> Q:
    """Whether name and sku hold all of some words; where nothing is left of them to search for, none does."""
    found = split_words(words)
    return Q(*(Q(search_key__holds=word) for word in found)) if found else NOTHING


def is_described(words: str) -> Q:
    """Whether name, sku and description together hold all of some words, none so short that it is in most of them."""
    found = split_words(words)
    if not found or any(word.isascii() and len(word) < SHORTEST for word in found):
        return NOTHING

    # That there is a text is said for the indexes, which have no others.
    return Q(*(Q(search_text__holds=word) for word in found), search_text__isnull=False)


def name_begins_with(words: str, *, using: str) -> Q:
    """Whether a product's name begins with `words`.

    The bounds tell an index where to begin, and SQLite, which searches none for a LIKE, where to end. In some
    languages a longer text may come before its beginning: such a product then counts as one that does not.
    """
    key = fold(words)
    if not key:
        return NOTHING

    found = Q(search_key__startswith=key, search_key__gte=key)
    return found if connections[using].vendor == "postgresql" else found & Q(search_key__lte=key + LAST_LETTER)


class Product(models.Model):
    """Something for sale. Retired (`active` off), never deleted."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    sku = LineField(max_length=64, unique=True, normal_form=text.identifier)
    name = LineField(max_length=200)
    description = LinesField(blank=True, max_length=4000)
    category = LineField(blank=True, max_length=64, db_index=True)
    price = models.DecimalField(max_digits=MAX_DIGITS, decimal_places=STORED_PLACES)
    currency = models.CharField(max_length=3, default="EUR", choices=[(code, code) for code in sorted(CURRENCIES)])
    active = models.BooleanField(default=True)
    low_stock = models.IntegerField(
        "low stock from",
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(1_000_000_000)],
        help_text="Staff are told when no more than this is available; 0: when it is sold out. Empty: never.",
    )
    version = models.PositiveIntegerField(default=1, editable=False)
    search_key = DerivedLine(
        max_length=search_keys.MAX_KEY, derive=lambda own: search_keys.write_key(own.name, own.sku)
    )
    created_at = clock.TimeField(auto_now_add=True)
    search_text = DerivedLines(null=True, derive=lambda own: search_keys.write_text(own.name, own.sku, own.description))

    derive = staticmethod(search_keys.derive)

    objects = ProductQuerySet.as_manager()

    class Meta:
        ordering = ["search_key", "id"]
        constraints = [models.CheckConstraint(condition=Q(price__gt=0), name="price_above_zero")]
        indexes = [
            models.Index(fields=["search_key", "id"], name="product_by_name"),
            models.Index(fields=["search_key"], name="product_by_beginning", opclasses=["varchar_pattern_ops"]),
            models.Index(Upper("sku"), name="product_by_sku"),
            models.Index(fields=["price", "id"], name="product_by_price"),
            models.Index(fields=["currency", "price", "id"], name="product_by_currency"),
            models.Index(fields=["created_at", "id"], name="product_by_age"),
            models.Index(fields=["id"], condition=Q(low_stock__isnull=False, active=True), name="product_watched"),
            models.Index(fields=["search_key", "id"], condition=Q(active=False), name="product_retired"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.sku})"

    @transaction.atomic
    def save(self, *args: Any, **kwargs: Any) -> None:
        """Write it, and with a new product the stock row that every product has."""
        is_new = self._state.adding
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


def check_price(price: Decimal, currency: str) -> None:
    """Raise `PriceRefused` for a price that nothing can be sold at."""
    if price <= 0:
        raise PriceRefused("A price is above zero.")
    if price > MAX_AMOUNT:
        raise PriceRefused(f"A price is at most {MAX_AMOUNT:,}.")
    if currency in CURRENCIES and not fits(price, currency):
        raise PriceRefused(f"{currency} has {CURRENCIES[currency]} digits after the point.")


NOT_OVERSOLD = "stock_not_oversold"


class StockQuerySet(models.QuerySet["Stock"]):
    """Counters that change by one UPDATE each, never by read and write.

    Each answers how many rows it changed: the one that this set names, or none where its condition does not hold.
    """

    def reserve(self, units: int) -> int:
        """Reserve some. Where there is not enough the constraint refuses, so that nobody has to look at the answer."""
        return self.update(reserved=F("reserved") + units)

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
            models.CheckConstraint(condition=Q(on_hand__gte=F("reserved")), name=NOT_OVERSOLD),
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

    def of_client(self, client_id: str) -> Self:
        """Those that a client made, and those that were made in one process; all for who asks in one process."""
        return self.filter(client_id__in=["", client_id]) if client_id else self

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
    client_id = models.CharField(
        "client", max_length=255, blank=True, default="", db_default="", help_text="Who asked; empty in one process."
    )
    units = models.PositiveBigIntegerField(null=True, help_text="Of all lines; none where it was never held.")
    created_at = clock.TimeField(auto_now_add=True)
    changed_at = clock.TimeField(auto_now_add=True)

    objects = ReservationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["client_id", "units"], condition=Q(state="held"), name="reservation_of_client"),
            models.Index(fields=["created_at"], condition=Q(state="released", units=0), name="reservation_never_held"),
            models.Index(fields=["created_at", "order_id"], name="reservation_by_age"),
        ]

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
    actor = models.CharField(max_length=MAX_ACTOR, blank=True, default="", db_default="")
    at = clock.TimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["at", "id"], name="movement_by_age"),
            models.Index(fields=["kind", "at", "id"], name="movement_by_kind"),
        ]
        constraints = [models.UniqueConstraint(fields=["reservation", "product", "kind"], name="one_movement_per_step")]

    def __str__(self) -> str:
        return f"{self.kind} {self.on_hand:+d}/{self.reserved:+d}"


class StockCount(models.Model):
    """A correction or a stock count that was written: its id is the key of the page it was sent from, so that it
    counts once."""

    id = models.UUIDField(primary_key=True)
    sub = models.CharField("who", max_length=64)
    at = clock.TimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"count of {self.at:%Y-%m-%d %H:%M}"


class UploadedFile(models.Model):
    """A catalogue that staff sent as a file: checked, shown to them, and written once they say so."""

    class State(models.TextChoices):
        CHECKING = "checking"
        CHECKED = "checked"
        WRITING = "writing"
        WRITTEN = "written"
        REFUSED = "refused"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200)
    content = models.BinaryField()
    options = models.JSONField(help_text="How it is read, and what it does to stock.")
    state = models.CharField(max_length=16, choices=State, default=State.CHECKING)
    report = models.JSONField(default=dict, help_text="What an import of it did, or would do.")
    sub = models.CharField("who", max_length=64)
    actor = models.CharField(max_length=MAX_ACTOR, blank=True, default="", db_default="")
    created_at = clock.TimeField(auto_now_add=True, db_index=True)
    claimed_until = clock.TimeField(auto_now_add=True, help_text="Until then somebody is at work on it.")

    def __str__(self) -> str:
        return f"{self.name} ({self.state})"


class Event(AbstractEvent):
    """What happened to products."""


class Lease(AbstractLease):
    """Which periodic job of products ran until when."""
