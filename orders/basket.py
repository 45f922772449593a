"""The basket: what somebody means to order, as the pages of products showed it. Nothing is held for it."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction

from database import batch_delete, clock, locks
from orders.inventory import Offer, RequestedLine, get_inventory
from orders.models import BasketLine
from wire.money import CURRENCIES, write_amount

logger = structlog.get_logger(__name__)


class BasketItem(NamedTuple):
    """A product as a page showed it, and how many of it are wanted."""

    product: UUID
    quantity: int
    name: str
    price: Decimal
    currency: str


class BasketFull(Exception):
    """A basket has as many products as an order may have."""

    def __init__(self) -> None:
        super().__init__(f"A basket holds up to {settings.ORDER_LINES} products, as an order does.")


class BasketChanged(Exception):
    """The basket does not hold what was to be ordered: it was changed, or ordered, in another window."""


def list_basket(customer_id: str) -> list[BasketLine]:
    """The lines of somebody's basket, in the order in which they were added."""
    return list(BasketLine.objects.filter(customer_id=customer_id)[: settings.ORDER_LINES])


def count_products(customer_id: str) -> int:
    return BasketLine.objects.filter(customer_id=customer_id).count()


@transaction.atomic
def add_item(customer_id: str, item: BasketItem) -> int:
    """Put a product into a basket, as it is shown now, with what is in there of it already.

    How many of it are in there then. Raises `BasketFull`.
    """
    locks.lock_name(f"basket of {customer_id}")
    seen = item._asdict()
    found = BasketLine.objects.filter(customer_id=customer_id, product=item.product).first()
    if found:
        seen["quantity"] = min(found.quantity + item.quantity, settings.LINE_QUANTITY)
        BasketLine.objects.filter(pk=found.pk).update(**seen, added_at=clock.now())
        return seen["quantity"]
    if count_products(customer_id) >= settings.ORDER_LINES:
        raise BasketFull

    BasketLine.objects.create(customer_id=customer_id, **seen)
    return item.quantity


@transaction.atomic
def change_quantities(customer_id: str, quantities: Mapping[UUID, int]) -> None:
    """Want so many of some products that are in a basket; of 0 none, which takes the product out."""
    for product, quantity in quantities.items():
        line = BasketLine.objects.filter(customer_id=customer_id, product=product)
        if quantity:
            line.exclude(quantity=quantity).update(quantity=quantity)
        else:
            line.delete()


def take_lines(customer_id: str, lines: Sequence[RequestedLine]) -> None:
    """Empty a basket of what becomes an order, in the caller's transaction.

    Raises `BasketChanged` where it does not hold just that.
    """
    found = list(BasketLine.objects.select_for_update().filter(customer_id=customer_id))
    wanted = {line.product: (line.quantity, line.price) for line in lines}
    held = {line.product: (line.quantity, line.price) for line in found if line.product in wanted}
    if held != wanted:
        raise BasketChanged

    BasketLine.objects.filter(customer_id=customer_id, product__in=wanted).delete()


@transaction.atomic
def put_back(customer_id: str, items: Iterable[BasketItem]) -> int:
    """Put products into a basket as far as they fit; what is in there by now stays as it is. How many went in."""
    locks.lock_name(f"basket of {customer_id}")
    held = {line.product for line in list_basket(customer_id)}
    new = [item for item in items if item.product not in held][: settings.ORDER_LINES - len(held)]
    BasketLine.objects.bulk_create(BasketLine(customer_id=customer_id, **item._asdict()) for item in new)
    return len(new)


class Change(NamedTuple):
    """Something about a product that is not as its buyer saw it: a code and facts as those of a refusal."""

    name: str
    code: str
    facts: dict[str, Any]


def follow_offers(customer_id: str, lines: Sequence[BasketLine]) -> list[Change]:
    """Take over into a basket what its products could be had for now; what has changed since they were put in.

    Never from inside a transaction. Raises `InventoryUnavailable`, and changes nothing then.
    """
    offers = get_inventory().offers([line.product for line in lines])
    changes = [change for line in lines for change in compare(line, offers.get(line.product))]
    changed = [line for line in lines if follow(line, offers.get(line.product))]
    with transaction.atomic():
        for line in changed:
            own = BasketLine.objects.filter(customer_id=customer_id, product=line.product)
            if line.quantity:
                own.update(quantity=line.quantity, price=line.price, currency=line.currency, name=line.name)
            else:
                own.delete()
    return changes


def compare(line: BasketLine, offer: Offer | None) -> list[Change]:
    """What of a line is not as its buyer saw it."""
    if offer is None:
        return [Change(line.name, "retired-product", {})]

    short = {"wanted": line.quantity, "available": max(0, offer.available)}
    price = {"seen": show_price(line.price, offer), "price": show_price(offer.price, offer), "currency": offer.currency}
    found = []
    if short["available"] < line.quantity:
        found.append(Change(line.name or offer.name, "insufficient-stock", short))
    if short["available"] and saw_other_price(line, offer):
        found.append(Change(line.name or offer.name, "price-changed", price))
    return found


def saw_other_price(line: BasketLine, offer: Offer) -> bool:
    """Whether the buyer saw another price than that of now: of an order that was refused there may have been none."""
    if not line.currency:
        return line.price not in (0, offer.price)

    return (line.price, line.currency) != (offer.price, offer.currency)


def show_price(price: Decimal, offer: Offer) -> str:
    return write_amount(price, offer.currency) if offer.currency in CURRENCIES else f"{price:f}"


def follow(line: BasketLine, offer: Offer | None) -> bool:
    """Make a line what could be had of it now, 0 if nothing; whether it is another."""
    before = (line.quantity, line.price, line.currency)
    line.quantity = min(line.quantity, max(0, offer.available)) if offer else 0
    if offer:
        line.price, line.currency, line.name = offer.price, offer.currency, offer.name[:200]
    return (line.quantity, line.price, line.currency) != before


def clear_baskets() -> int:
    """Forget the lines that were put in long ago; how many there were."""
    old = BasketLine.objects.filter(added_at__lt=clock.now() - settings.KEPT["baskets"])
    cleared = batch_delete.delete(old, along="added_at")
    if cleared:
        logger.info("baskets_cleared", count=cleared)
    return cleared


def names_of(customer_id: str) -> dict[UUID, str]:
    """What the products in a basket are called."""
    return dict(BasketLine.objects.filter(customer_id=customer_id).values_list("product", "name"))


def total_of(lines: Iterable[Any]) -> Decimal:
    """What some lines cost together, of one currency."""
    return sum((line.price * line.quantity for line in lines), Decimal(0))
