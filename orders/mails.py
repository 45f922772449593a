"""The mails of orders: one for each thing that happens to an order, written in the transaction in which it happens."""

from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings

from database import clock, prepared
from orders import queries
from orders.lifecycle import Status
from orders.models import PAYMENT_TERM, Mail, Order
from orders.order_details import sum_lines
from orders.page_texts import explain_refusal
from wire.keyset import Row
from wire.mail.table import DAY, Contexts, State
from wire.money import write_amount

KINDS: dict[str, str] = {
    Status.PLACED: "order placed",
    Status.REJECTED: "order refused",
    Status.CANCELLED: "order cancelled",
    Status.PAID: "order paid",
    Status.EXPIRED: "order expired",
    Status.SHIPPED: "order shipped",
}
"""What is told by mail, by the status that an order came to."""
HOUR = timedelta(hours=1)


def write_mail(order: Order, status: str) -> None:
    """Tell the customer by mail what an order came to, in the caller's transaction; once, whoever else does.

    Nobody is told who has no e-mail address, or where the shop sends no mail (`EMAIL_URL`).
    """
    if not (status in KINDS and order.customer_email and settings.SENDS_MAIL):
        return

    now = clock.now()
    times = {"written_at": now, "next_try_at": now, "expires_at": now + DAY}
    mail = Mail(order=order, kind=KINDS[status], to=order.customer_email, **times)
    prepared.insert_unanswered([mail], ignore_conflicts=True)


def describe(mail: Mail, *, status: str) -> dict[str, Any] | None:
    """What a mail says of its order, as that is when it is sent; None if its address had enough of the kind."""
    if has_enough(mail):
        return None

    details = queries.get_details(queries.order_by_id.get(order_id=mail.order_id))
    order = details.order
    return {
        "order": order,
        "status": status,
        "lines": [describe_line(line, order.currency) for line in details.lines],
        "total": write_total(details.lines, order.currency),
        "pay_until": order.placed_at and order.placed_at + PAYMENT_TERM,
        "payment_words": settings.PAYMENT_WORDS,
        "seller": settings.SELLER,
        "reasons": explain_refusal(**order.rejection, names=details.names) if order.rejection else [],
        "tracking": order.tracking,
        "note": order.note,
        "link": f"{settings.ISSUER}/orders/{order.pk}/",
    }


def has_enough(mail: Mail) -> bool:
    """Whether so many mails of the kind went to the address within an hour that this is one too many."""
    recent = Mail.objects.filter(to=mail.to, kind=mail.kind, written_at__gt=mail.written_at - HOUR)
    return recent.filter(state=State.SENT).count() >= settings.MAILS_PER_HOUR


def describe_line(line: Row, currency: str) -> dict[str, Any]:
    price, quantity = line["unit_price"], line["quantity"]
    total = f"{write_amount(price * quantity, currency)} {currency}" if currency and price is not None else ""
    return {"name": line["name"] or line["seen_name"] or "A product", "quantity": quantity, "total": total}


def write_total(lines: list[Row], currency: str) -> str:
    total = sum_lines((line["unit_price"], line["quantity"]) for line in lines)
    return f"{write_amount(total, currency)} {currency}" if currency and total is not None else ""


CONTEXTS: Contexts = {kind: partial(describe, status=status) for status, kind in KINDS.items()}
