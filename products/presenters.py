"""Products and what is held of them, as they leave."""

from uuid import UUID

from products.catalogue import Offer
from products.reservations import ReservedLine
from wire.api.etags import write_etag
from wire.keyset import Row
from wire.money import write_amount


def write_listed_product(row: Row, *, staff: bool) -> Row:
    """A product of a list; `staff` see what is behind `available`."""
    product = {
        "id": row["id"],
        "sku": row["sku"],
        "name": row["name"],
        "category": row["category"],
        "price": write_amount(row["price"], row["currency"]),
        "currency": row["currency"],
        "available": row["on_hand"] - row["reserved"],
        "active": row["active"],
    }
    if staff:
        product |= {"on_hand": row["on_hand"], "reserved": row["reserved"]}
    return product


def write_product(row: Row, *, staff: bool) -> Row:
    """One product."""
    return {**write_listed_product(row, staff=staff), "description": row["description"]}


def product_etag(row: Row) -> str:
    """The ETag of a product: it changes with the stock too, `If-Match` compares the version alone."""
    return write_etag(row["version"], row["on_hand"], row["reserved"])


def write_offer(product_id: UUID, offer: Offer) -> Row:
    """What a product could be had for just now."""
    amount = write_amount(offer.price, offer.currency)
    return {"product": product_id, **offer._asdict(), "price": amount}


def write_held_order(order_id: UUID, state: str | None, lines: list[ReservedLine]) -> Row:
    """What is held for an order, each line with what it is sold as."""
    return {"order": order_id, "state": state, "lines": [write_held_line(line) for line in lines]}


def write_held_line(line: ReservedLine) -> Row:
    return {
        "product": line.product,
        "sku": line.sku,
        "name": line.name,
        "quantity": line.quantity,
        "unit_price": write_amount(line.unit_price, line.currency),
        "currency": line.currency,
    }


def write_holding(order_id: UUID, lines: dict[UUID, int]) -> Row:
    """What is held for one of many orders: products and quantities alone."""
    return {"order": order_id, "lines": [{"product": product, "quantity": units} for product, units in lines.items()]}
