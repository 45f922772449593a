"""Orders as they leave, in the API and on pages."""

from orders.checkout import Outcome
from orders.lifecycle import Caller, allowed_actions
from orders.models import Order
from orders.order_details import OrderDetails, sum_lines
from wire.api.problems import write_problem
from wire.events import write_event
from wire.keyset import Row
from wire.money import write_amount

SHOWN = tuple(dict.fromkeys("customer" if name.startswith("customer_") else name for name in Order.SHOWN))
"""What an order says of itself: its columns, those of the customer as one."""
REASONS = {
    "insufficient-stock": "There is not enough of some products: see lines.",
    "price-changed": "Some prices are not those that were seen: see lines.",
    "unknown-product": "Some products do not exist: see lines.",
    "retired-product": "Some products are not sold any more: see lines.",
    "mixed-currencies": "These products are sold in different currencies, and an order has one: see lines.",
    "not-reserved": "The products could not be held for the order in time.",
    "cancelled": "The order was cancelled before it was placed.",
}
"""Why an order was not placed, by code."""


def present_outcome(outcome: Outcome, *, caller: Caller) -> tuple[int, Row]:
    """Status and body: 201 for an order that was placed, 202 while it is pending, else 409 with the reason.

    201 and 409 follow from what never changes, so a repeat with the same scopes is answered with the same bytes.
    """
    details = outcome.details
    if details.is_pending:
        return 202, present_order(details.row(), caller=caller)
    if details.refusal:
        return 409, present_refusal(details, **details.refusal)

    return 201, present_order(details.row_as_placed(), caller=caller)


def present_refusal(details: OrderDetails, *, code: str, lines: list[Row]) -> Row:
    # PostgreSQL does not keep the order of keys in JSON.
    facts = {"order": str(details.order.pk), "lines": [dict(sorted(line.items())) for line in lines]}
    return write_problem(409, code, REASONS[code], **facts, request_id=details.request_id)


def present_order(row: Row, *, caller: Caller) -> Row:
    """An order as a caller sees it, with its events unless it comes from a list."""
    currency = row["currency"] or None
    total = sum_lines((line["unit_price"], line["quantity"]) for line in row["lines"])
    shown = {
        **row,
        "customer": {"id": row["customer_id"], "name": row["customer_name"], "email": row["customer_email"]},
        "total": write_amount(total, currency) if total is not None and currency else None,
        "currency": currency,
    }
    return {
        **{name: shown[name] for name in SHOWN},
        **{name: row[name] for name in Order.TOLD if row[name]},
        "lines": [present_line(line, currency) for line in row["lines"]],
        "allowed_actions": allowed_actions(row["status"], caller.scopes, is_own=caller.sub == row["customer_id"]),
        **({"events": [write_event(event) for event in row["events"]]} if "events" in row else {}),
    }


def present_line(line: Row, currency: str | None) -> Row:
    price, quantity = line["unit_price"], line["quantity"]
    shown = {
        "product": line["product"],
        "sku": line["sku"],
        "name": line["name"] or line["seen_name"] or None,
        "quantity": quantity,
    }
    if not currency:
        return {**shown, "unit_price": None, "total": None}

    return {**shown, "unit_price": write_amount(price, currency), "total": write_amount(price * quantity, currency)}
