"""What a client is answered for each error of the use cases (RFC 9457)."""

from collections.abc import Mapping

from orders.checkout import BadLines
from orders.idempotency import KeyReused, StillRunning
from orders.queries import NoSuchOrder
from orders.quotas import TooManyOrders, TooManyUnpaid
from orders.transitions import NotAllowed, OtherVersion
from wire.api.problems import INSUFFICIENT_SCOPE, INVALID_FIELDS, NOT_FOUND, PRECONDITION_FAILED, ProblemType

KEY_REUSED = "This Idempotency-Key was used with another body: see order."
STILL_RUNNING = "The first request with this Idempotency-Key is still under way; ask again."
PROBLEMS: Mapping[type[Exception], ProblemType] = {
    BadLines: INVALID_FIELDS,
    KeyReused: ProblemType(422, "idempotency-key-reused", KEY_REUSED, facts=("order",)),
    StillRunning: ProblemType(409, "idempotency-key-in-use", STILL_RUNNING, retry_after=1),
    TooManyUnpaid: ProblemType(409, "too-many-unpaid", facts=("unpaid", "limits")),
    TooManyOrders: ProblemType(429, "too-many-orders", facts=("day", "limits")),
    NoSuchOrder: NOT_FOUND,
    NotAllowed: INSUFFICIENT_SCOPE,
    OtherVersion: PRECONDITION_FAILED,
}
