"""What a restored database of orders has to catch up with: see docs/back-up.md."""

from collections.abc import Iterator

from django.conf import settings
from django.core.management.base import CommandError
from django.db import transaction

from orders import checkout, queries
from orders.inventory import Gone, InventoryUnavailable, NotReserved, OtherLines, get_inventory
from orders.lifecycle import Status
from orders.mending import put_right, ship
from orders.models import Order


def after_restore() -> Iterator[str]:
    """Follow what products knows of each order, and name what a person has to decide."""
    try:
        yield from place_pending()
        yield from put_right()
    except InventoryUnavailable as error:
        raise CommandError(f"Products could not be asked; start it and run this again: {error}") from error
    unpaid = Order.objects.filter(status=Status.PLACED).count()
    hours = settings.PAYMENT_TERM.total_seconds() / 3600
    yield (
        f"{unpaid} orders are placed and not paid by these books; `manage.py work` expires each {hours:g} hours after "
        "it was placed: compare them with your payments first, or set PAYMENT_HOURS for a while"
    )


def place_pending() -> Iterator[str]:
    """Place orders that were being placed as the backup was made, if products holds their goods or handed them over.

    Any other is left to the worker, which rejects it if products let go of its goods.
    """
    held = {order_id for order_id, _ in get_inventory().held()}
    for order in Order.objects.filter(status=Status.PENDING).order_by("created_at"):
        has_left = order.pk not in held and were_handed_over(order)
        if (order.pk in held or has_left) and place(order):
            did = "handed over" if has_left else "holds"
            yield f"order {order.pk} was pending: placed, since products {did} its goods"
            if has_left:
                yield ship(order)


def were_handed_over(order: Order) -> bool:
    """Whether products handed over the goods of an order for which it holds none: then this is a repeat."""
    try:
        get_inventory().fulfil(order.pk)
    except Gone:
        return False

    return True


def place(order: Order) -> bool:
    """Place a pending order with what products holds for it, however long ago it was begun; whether it was."""
    details = queries.get_details(order)
    try:
        reserved = get_inventory().reserve(order.pk, details.requested_lines)
    except (NotReserved, OtherLines, Gone):
        return False

    with transaction.atomic(durable=True):
        return checkout.confirm_order(details, reserved)
