"""One key, one order: what a caller asks for again is answered as before.

After draft-ietf-httpapi-idempotency-key-header: a key counts for its `sub`, client and operation,
for 24 hours; what it came with is remembered by a fingerprint.
"""

import hashlib
from collections.abc import Callable, Iterable
from functools import cache, partial
from typing import Any, NamedTuple
from uuid import UUID

import orjson
import structlog
from django.db import IntegrityError, transaction
from django.utils import timezone

from database.prepared import Change, insert, slots
from orders import checkout, story
from orders.checkout import Customer
from orders.inventory import RequestedLine
from orders.lifecycle import Status
from orders.models import KEY_LIFETIME, IdempotencyKey, Order
from orders.story import Story
from wire import json

logger = structlog.get_logger(__name__)

PLACE = "place"
"""The operation that keys are for."""
BATCH = 1_000
"""Keys that one statement clears."""
TRIES = 5
"""Times that a request looks again at a key which others forget and claim meanwhile."""
ACCEPTED = 202
"""The one status that is not final."""


class KeyReused(Exception):
    """The key was used for something else: for `order_id`."""

    def __init__(self, order_id: UUID) -> None:
        super().__init__(order_id)
        self.order_id = order_id


class StillRunning(Exception):
    """Somebody is placing the order of this key right now."""


class Asked(NamedTuple):
    """What a customer asks for under a key."""

    customer: Customer
    lines: list[RequestedLine]
    ship_to: str
    key: str


class Answer(NamedTuple):
    """What a caller is told of an order: a status and a body of JSON; 202 is not final."""

    status: int
    body: dict[str, Any]


class Outcome(NamedTuple):
    """What came of a request under a key; `replayed` if it was answered so before."""

    order_id: UUID
    status: int
    body: dict[str, Any]
    replayed: bool = False


Teller = Callable[[Story], Answer]


def place_once(
    customer: Customer, lines: Iterable[RequestedLine], *, key: str, answer: Teller, ship_to: str = ""
) -> Outcome:
    """Place an order under a key of the customer's: once, however often it is asked for.

    `answer` says what a caller is told of an order; its final answer is kept, and given again.
    Never from inside a transaction. Raises `BadLines`, `KeyReused` or `StillRunning`.
    """
    asked = Asked(customer, checkout.merge(lines), ship_to, key)
    for _ in range(TRIES):
        opened = claim(asked)
        if opened:
            return checkout.confirm(opened, partial(keep, answer))
        known = recall(asked)
        if known:
            return repeat(known, asked, answer)

    raise StillRunning


def claim(asked: Asked) -> Story | None:
    """Write down a pending order together with its key; None if the key is taken."""
    try:
        return write(asked)
    except IntegrityError:
        return None


@transaction.atomic(durable=True)
def write(asked: Asked) -> Story:
    order = checkout.draft(asked.customer, ship_to=asked.ship_to)
    # The key goes first, since it is what may be refused.
    insert([IdempotencyKey(**name(asked), fingerprint=fingerprint(asked), order_id=order.pk)])
    return story.begin(order, asked.lines, by=asked.customer)


def name(asked: Asked) -> dict[str, str]:
    """What a key is unique by."""
    return {"sub": asked.customer.sub, "client_id": asked.customer.client_id, "operation": PLACE, "key": asked.key}


def fingerprint(asked: Asked) -> str:
    """What is asked for, in 64 hex digits; the same for the same lines in any order."""
    lines = [[str(line.product), line.quantity, write_price(line)] for line in asked.lines]
    return hashlib.sha256(orjson.dumps([lines, asked.ship_to])).hexdigest()


def write_price(line: RequestedLine) -> str | None:
    return None if line.price is None else f"{line.price:.3f}"


def recall(asked: Asked) -> IdempotencyKey | None:
    """The key as it was used before; None if its time is over, and then it is forgotten."""
    known = IdempotencyKey.objects.select_related("order").filter(**name(asked)).first()
    if known and known.created_at < timezone.now() - KEY_LIFETIME:
        IdempotencyKey.objects.filter(pk=known.pk).delete()
        return None

    return known


def repeat(known: IdempotencyKey, asked: Asked, answer: Teller) -> Outcome:
    """Answer a request whose key was used before."""
    if known.fingerprint != fingerprint(asked):
        raise KeyReused(known.order_id)
    if known.body:
        return replay(known)

    order = known.order
    if order.status == Status.PENDING:
        if Order.objects.take_over(order.pk):
            return checkout.confirm(story.read(order), partial(keep, answer))
        if known.status != ACCEPTED:
            raise StillRunning

        order = Order.objects.read(order.pk)
    return keep(answer, story.read(order))


def keep(answer: Teller, told: Story) -> Outcome:
    """Keep the answer with the key, if it is not forgotten; where a final one is kept already, that one counts."""
    order, (status, body) = told.order, answer(told)
    kept = "" if status == ACCEPTED else json.write(body).decode()
    if answering().run(order.pk, status, kept) or status == ACCEPTED:
        return Outcome(order.pk, status, body)

    known = IdempotencyKey.objects.filter(order=order).first()
    return replay(known) if known else Outcome(order.pk, status, body)


@cache
def answering() -> Change:
    """Keep the answer to an order that has none yet."""
    order, status, body = slots(IdempotencyKey, "order", "status", "body")
    return Change(IdempotencyKey.objects.filter(order=order, body=""), status=status, body=body)


def replay(known: IdempotencyKey) -> Outcome:
    return Outcome(known.order_id, known.status or ACCEPTED, orjson.loads(known.body), replayed=True)


def clear_keys() -> int:
    """Forget the keys whose time is over, a batch at a time; how many there were."""
    old = IdempotencyKey.objects.filter(created_at__lt=timezone.now() - KEY_LIFETIME).order_by("created_at")
    cleared = 0
    while batch := list(old.values_list("pk", flat=True)[:BATCH]):
        cleared += IdempotencyKey.objects.filter(pk__in=batch).delete()[0]
    if cleared:
        logger.info("keys_cleared", count=cleared)
    return cleared
