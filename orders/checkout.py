"""Placing an order: write it down, have products hold its lines, and write down what came of it."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.db import Error, OperationalError, transaction

from database import clock
from database.deadlines import at_least
from database.pipelines import flushed_later, pipelined
from orders import basket, idempotency, inventory, mails, order_details, outbox, queries, quotas
from orders.abandoned import freeing
from orders.inventory import NotReserved, RequestedLine, ReservedLine
from orders.lifecycle import Status
from orders.models import LEASE, Order
from orders.order_details import OrderDetails
from wire.events import SYSTEM

logger = structlog.get_logger(__name__)

MAX_LINES = settings.ORDER_LINES
MAX_QUANTITY = settings.LINE_QUANTITY

RECORDING = 1.0
"""Seconds for writing down what products answered, though it took all the time of the request to hear it."""

Answer = list[ReservedLine] | NotReserved | None
"""What products answers to the lines of an order: how it holds them, or why it never will; None if nothing."""


class Customer(NamedTuple):
    """Whoever orders, as their token says it; kept with the order."""

    sub: str
    name: str = ""
    email: str = ""
    client_id: str = ""


class OrderRequest(NamedTuple):
    """What a customer wants: under a key, if it may be asked for again, and under an id, if the caller chose one."""

    customer: Customer
    lines: Iterable[RequestedLine]
    fields: Mapping[str, Any] = MappingProxyType({})
    """What else they say, by column (`Order.GIVEN`)."""
    key: str = ""
    order_id: UUID | None = None
    names: Mapping[UUID, str] = order_details.NAMELESS
    """What the customer saw the products called, as far as that is known."""
    is_basket: bool = False
    """Whether the lines are taken out of the customer's basket."""


class Outcome(NamedTuple):
    """What came of a request; `is_replayed` if its order was placed or refused before it came."""

    details: OrderDetails
    is_replayed: bool = False


class BadLines(ValueError):
    """These lines are no order: none, too many, too much of a product, or two prices for one."""

    @property
    def errors(self) -> dict[str, list[str]]:
        return {"lines": [str(self)]}


def place_order(request: OrderRequest) -> Outcome:
    """Order something, once for each key; never from inside a transaction.

    The order comes back placed; rejected, with the reason in `rejection`; cancelled, if somebody
    was that fast; or pending, if products cannot be reached. Raises `BadLines`, `TooManyUnpaid`,
    `TooManyOrders`, `KeyReused`, `StillRunning` or `basket.BasketChanged`.
    """
    order, lines = draft_order(request), merge_lines(request.lines)

    # Transaction 1: the key, if there is one; the order, its lines and its first event.
    is_shared = inventory.get_inventory().shares_database
    with freeing(order.pk, on=Error), pipelined(), flushed_later(is_shared), transaction.atomic(durable=True):
        ask_ordered = quotas.ask_quotas(order.customer_id)
        earlier = idempotency.claim_key(order, lines, key=request.key, client_id=request.customer.client_id)
        if earlier:
            details = queries.get_details(earlier.order)
        else:
            quotas.check_quotas(ask_ordered(), lines)
            if request.is_basket:
                basket.take_lines(order.customer_id, lines)
            details = order_details.insert_order(order, lines, by=request.customer, names=request.names)
    if earlier and not idempotency.may_resume(earlier):
        return Outcome(details, is_replayed=not details.is_pending)

    # Who is answered now that it is refused needs no mail that says so.
    details = go_on(details, is_told=not earlier)
    if details.order.outbox:
        outbox.try_calls(details.order.pk)
    return Outcome(details)


def draft_order(request: OrderRequest) -> Order:
    """A pending order that is not written yet."""
    return Order(
        id=request.order_id or uuid4(),
        customer_id=request.customer.sub,
        customer_name=request.customer.name[:200],
        customer_email=request.customer.email[:254],
        lease_until=clock.now() + LEASE,
        **request.fields,
    )


def merge_lines(lines: Iterable[RequestedLine]) -> list[RequestedLine]:
    """The lines with each product once, sorted by it; raises `BadLines`."""
    merged: dict[UUID, RequestedLine] = {}
    for line in lines:
        merged[line.product] = sum_lines(merged[line.product], line) if line.product in merged else line
    if not 1 <= len(merged) <= MAX_LINES:
        raise BadLines(f"An order has 1 to {MAX_LINES} products.")
    if not all(1 <= line.quantity <= MAX_QUANTITY for line in merged.values()):
        raise BadLines(f"An order takes 1 to {MAX_QUANTITY:,} of a product.")

    return [merged[product] for product in sorted(merged)]


def sum_lines(first: RequestedLine, second: RequestedLine) -> RequestedLine:
    """Two lines of one product as one."""
    prices = {line.price for line in (first, second)} - {None}
    if len(prices) > 1:
        raise BadLines("One product stands there at two prices.")

    return RequestedLine(first.product, first.quantity + second.quantity, prices.pop() if prices else None)


def resume_order(order: Order) -> Order:
    """Go on with a pending order whose lease the caller has; never from inside a transaction."""
    return go_on(queries.get_details(order)).order


def go_on(details: OrderDetails, *, is_told: bool = False) -> OrderDetails:
    """Go on with a pending order whose lease the caller has; the order as it then is.

    `is_told` says that its customer waits for the answer, and is told of a refusal by that.
    """
    with freeing(details.order.pk):
        # No transaction is open while products is asked.
        answer = ask_products(details)
        # Transaction 2: the status, the prices and an event.
        with at_least(RECORDING), pipelined(), transaction.atomic(durable=True):
            return record_answer(details, answer, is_told=is_told)


def reject_overdue_order(order: Order) -> bool:
    """Reject a pending order for which nothing could be held; whether it was still pending."""
    details = queries.get_details(order)
    with transaction.atomic(durable=True):
        return reject_order(details, not_held(details))


def ask_products(details: OrderDetails) -> Answer:
    """Have products hold the lines of a pending order, and bring back its answer."""
    order = details.order
    if order.is_overdue:
        return not_held(details)

    try:
        return inventory.get_inventory().reserve(order.pk, details.requested_lines)
    except NotReserved as error:
        return error
    except inventory.Gone:
        # It was cancelled or rejected meanwhile; if not, nothing can be held for it any more.
        return not_held(details)
    except inventory.InventoryUnavailable as error:
        logger.warning("order_waits", order=str(order.pk), error=repr(error))
        with at_least(RECORDING):
            outbox.note_failure(order.pk, error)
    except inventory.OtherLines as error:
        # Nobody but a person can say which of the two are right.
        with at_least(RECORDING):
            outbox.note_stuck(order.pk, error)
    return None


def not_held(details: OrderDetails) -> NotReserved:
    """Nothing was held for an order in time, and never will be."""
    return NotReserved([{"product": str(line["product"])} for line in details.lines])


def record_answer(details: OrderDetails, answer: Answer, *, is_told: bool) -> OrderDetails:
    """Write down what products answered for a pending order, in the caller's transaction; the order as it then is.

    If it is pending no more, somebody was faster, and it owes a release already. Without an answer it is
    left to whoever comes next.
    """
    is_decided = False
    if answer is None:
        Order.objects.release_leases([details.order.pk])
        idempotency.mark_accepted(details.order.pk)
    elif isinstance(answer, NotReserved):
        is_decided = reject_order(details, answer, is_told=is_told)
    else:
        is_decided = confirm_order(details, answer)
    return details if is_decided else queries.get_details(read_again(details.order))


def read_again(order: Order) -> Order:
    """An order as it now is. Raises `OperationalError` if a crash of the server forgot it, of which nobody was told."""
    try:
        return queries.order_by_id.get(order_id=order.pk)
    except Order.DoesNotExist as error:
        raise OperationalError("A crash of the database forgot the order; send it again.") from error


def confirm_order(details: OrderDetails, reserved: list[ReservedLine]) -> bool:
    """Place a pending order with what products holds for it, in the caller's transaction; whether it was pending."""
    total = sum((line.unit_price * line.quantity for line in reserved), Decimal(0))
    changes = {"placed_at": clock.now(), "currency": reserved[0].currency, "total": total}
    if not Order.objects.move(details.order, Status.PLACED, **changes):
        return False

    details.set_prices(reserved)
    details.record_event(Status.PLACED, by=SYSTEM)
    mails.write_mail(details.order, Status.PLACED)
    return True


def reject_order(details: OrderDetails, reason: NotReserved, *, is_told: bool = False) -> bool:
    """Refuse a pending order for good, in the caller's transaction; whether it was pending."""
    facts = [{name: fact for name, fact in line.items() if name != "name"} for line in reason.lines]
    rejection = {"code": reason.code, "lines": facts}
    if not Order.objects.move(details.order, Status.REJECTED, rejection=rejection):
        return False

    details.set_names({str(line.get("product")): str(line.get("name") or "") for line in reason.lines})
    details.record_event(Status.REJECTED, by=SYSTEM, **rejection)
    if not is_told:
        mails.write_mail(details.order, Status.REJECTED)
    return True
