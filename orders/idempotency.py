"""One key, one order: who repeats a request under its key gets the answer to the first.

After draft-ietf-httpapi-idempotency-key-header: a key counts for its `sub`, client and operation,
for 24 hours; what it came with is remembered by a fingerprint. Its answer follows from its order.
"""

import hashlib
from collections.abc import Mapping, Sequence
from uuid import UUID

import orjson
import structlog

from database import batch_delete, clock, prepared
from orders.inventory import RequestedLine
from orders.lifecycle import Status
from orders.models import KEY_LIFETIME, IdempotencyKey, Order

logger = structlog.get_logger(__name__)

TRIES = 5
"""Times that a key is looked at which others forget and claim meanwhile."""
ACCEPTED = 202


class KeyReused(Exception):
    """The key was used for something else: for `order`."""

    def __init__(self, order: UUID) -> None:
        super().__init__(order)
        self.order = order


class StillRunning(Exception):
    """Somebody is placing the order of this key right now."""


def claim_key(order: Order, lines: Sequence[RequestedLine], *, key: str, client_id: str) -> IdempotencyKey | None:
    """Take a key, if one is given, for a new order; if it was taken before, that key with its order.

    In the caller's transaction. Raises `KeyReused`, or `StillRunning` if it cannot be had.
    """
    if not key:
        return None

    # Keys are for one operation so far.
    named = {"sub": order.customer_id, "client_id": client_id, "operation": "place", "key": key}
    new = IdempotencyKey(**named, order=order, fingerprint=compute_fingerprint(order, lines))
    for _ in range(TRIES):
        if prepared.insert([new], ignore_conflicts=True):
            return None
        earlier = find_earlier_key(named)
        if earlier and earlier.fingerprint != new.fingerprint:
            raise KeyReused(earlier.order_id)
        if earlier:
            return earlier

    raise StillRunning


def compute_fingerprint(order: Order, lines: Sequence[RequestedLine]) -> str:
    """What is ordered, in 64 hex digits; the same for the same lines in any order."""
    items = [[str(line.product), line.quantity, None if line.price is None else f"{line.price:.3f}"] for line in lines]
    given = [getattr(order, name) for name in Order.GIVEN]
    while len(given) > 1 and not given[-1]:
        # A column that is new in this release and left empty makes no other fingerprint than the release before did.
        given.pop()
    return hashlib.sha256(orjson.dumps([items, *given])).hexdigest()


def find_earlier_key(named: Mapping[str, str]) -> IdempotencyKey | None:
    """The key as it was used before; None if its time is over, and then it is forgotten."""
    earlier = IdempotencyKey.objects.select_related("order").filter(**named).first()
    if earlier and earlier.created_at < clock.now() - KEY_LIFETIME:
        IdempotencyKey.objects.filter(pk=earlier.pk).delete()
        return None

    return earlier


def may_resume(earlier: IdempotencyKey) -> bool:
    """Whether a repeated request goes on with its order: it is pending, and no other request or job places it.

    Raises `StillRunning` while the first request is at work on it.
    """
    if earlier.order.status != Status.PENDING:
        return False
    if Order.objects.acquire_lease(earlier.order_id):
        return True
    if earlier.status != ACCEPTED:
        raise StillRunning

    return False


def mark_accepted(order_id: UUID) -> None:
    """Remember that 202 is what the key of an order is answered while it is pending, if it has a key."""
    IdempotencyKey.objects.filter(order=order_id).update(status=ACCEPTED)


def clear_keys() -> int:
    """Forget the keys whose time is over; how many there were."""
    cleared = batch_delete.delete(
        IdempotencyKey.objects.filter(created_at__lt=clock.now() - KEY_LIFETIME), along="created_at"
    )
    if cleared:
        logger.info("keys_cleared", count=cleared)
    return cleared
