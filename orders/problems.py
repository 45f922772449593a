"""What a client is answered for each error of the use cases (RFC 9457)."""

from collections.abc import Mapping

from orders.checkout import BadLines
from orders.idempotency import KeyReused, StillRunning
from orders.queries import NoSuchOrder
from orders.transitions import NotAllowed, OtherVersion
from tokens.permissions import InsufficientScope
from wire.problems import NOT_FOUND, PRECONDITION_FAILED, ProblemType

PROBLEMS: Mapping[type[Exception], ProblemType] = {
    BadLines: ProblemType(400, "invalid", "Some fields are not valid: see errors.", ("errors",)),
    KeyReused: ProblemType(
        422, "idempotency-key-reused", "This Idempotency-Key was used with another body: see order.", facts=("order",)
    ),
    StillRunning: ProblemType(
        409,
        "idempotency-key-in-use",
        "The first request with this Idempotency-Key is still under way; ask again.",
        retry_after=1,
    ),
    NoSuchOrder: NOT_FOUND,
    NotAllowed: ProblemType(
        403,
        "insufficient-scope",
        str(InsufficientScope.default_detail),
        facts=("scope",),
        challenge='Bearer error="insufficient_scope", scope="{scope}"',
    ),
    OtherVersion: PRECONDITION_FAILED,
}
