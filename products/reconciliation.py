"""Whether stock is what happened to it: counters, ledger and reservations held against each other."""

from collections.abc import Iterator
from typing import Any

from django.db.models import BigIntegerField, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from products.models import Movement, Product, Reservation, ReservationLine

MUST_AGREE = (
    ("stock__on_hand", "ledger_on_hand", "{} on hand, but {} by the ledger"),
    ("stock__reserved", "ledger_reserved", "{} reserved, but {} by the ledger"),
    ("stock__reserved", "held", "{} reserved, but {} held for orders"),
)
"""What must be equal, and how to say that it is not."""


def find_drift() -> Iterator[str]:
    """What does not agree, one sentence each. One statement, so a running shop is no drift."""
    for row in find_differing().iterator():
        yield from describe_drift(row)


def find_differing() -> "QuerySet[Product, dict[str, Any]]":
    """The products whose numbers differ, with all their numbers."""
    movements = Movement.objects.all()
    held = ReservationLine.objects.filter(reservation__state=Reservation.State.HELD)
    products = Product.objects.annotate(
        ledger_on_hand=sum_of(movements, "on_hand"),
        ledger_reserved=sum_of(movements, "reserved"),
        held=sum_of(held, "quantity"),
    )
    differing = Q(stock__isnull=True) | Q(stock__reserved__lt=0) | Q(stock__on_hand__lt=F("stock__reserved"))
    for counter, total, _ in MUST_AGREE:
        differing |= ~Q(**{counter: F(total)})
    columns = {name for pair in MUST_AGREE for name in pair[:2]}
    return products.filter(differing).order_by("sku").values("sku", *sorted(columns))


def sum_of(rows: "QuerySet[Any]", column: str) -> Coalesce:
    """The sum of a column over a product's rows, 0 without any."""
    own = rows.filter(product=OuterRef("pk")).order_by().values("product")
    total = own.annotate(total=Sum(column)).values("total")
    return Coalesce(Subquery(total), 0, output_field=BigIntegerField())


def describe_drift(row: dict[str, Any]) -> Iterator[str]:
    on_hand, reserved = row["stock__on_hand"], row["stock__reserved"]
    if on_hand is None:
        yield f"{row['sku']} has no stock row"
        return

    if not 0 <= reserved <= on_hand:
        yield f"{row['sku']} has {on_hand} on hand and {reserved} reserved"
    for counter, total, words in MUST_AGREE:
        if row[counter] != row[total]:
            yield f"{row['sku']} has {words.format(row[counter], row[total])}"
