"""Which tokens were revoked: set in the database, published as lists."""

import time
from datetime import timedelta
from typing import Any

from django.db.models import Max, Q, QuerySet
from django.utils import timezone

from accounts.issuing.keys import current_signer, longest_lifetime
from accounts.issuing.tokens import sign_status_list
from accounts.models import Session, TokenStatus
from database import batch_delete
from tokens.errors import ListUnknown
from tokens.status_list import LIST_BITS, LIST_SIZE, StatusList, set_bits
from tokens.verification import read_status

SIGNED_FOR = 60
"""Seconds after which a list is signed anew even if nothing changed."""
AFTER_LAST_TOKEN = 300
"""Seconds that a list outlives the last token issued before it was made."""


def revoke_session_tokens(sessions: "QuerySet[Session]") -> int:
    """Set the bit of every access token of some sessions; how many bits were set."""
    revocable = TokenStatus.objects.filter(session__in=sessions, revoked_at=None)
    return TokenStatus.objects.filter(pk__in=revocable.values("pk")).update(revoked_at=timezone.now())


def is_valid(status: dict[str, Any]) -> bool:
    """Whether the entry that a token's `status` claim names is VALID at this moment."""
    number, index = read_status(status)
    return TokenStatus.objects.filter(pk=(number << LIST_BITS) + index, revoked_at=None).exists()


def read_list(number: int) -> StatusList:
    """List `number` as the table has it now; raises `ListUnknown` if no token was ever given an entry in it.

    It is dated by its last change, or by the minute, so that all processes date the same list alike
    and the one that knows more is never the older.
    """
    # The first list exists before any entry does.
    if number and not TokenStatus.objects.filter(pk__gte=number << LIST_BITS).exists():
        raise ListUnknown("The token's status list is unknown.")

    now = int(time.time())
    revoked = revoked_entries(number)
    issued_at = max([now - now % SIGNED_FOR, *(min(at, now) for at in revoked.values())])
    lifetime = int(longest_lifetime().total_seconds())
    return StatusList(set_bits(revoked), issued_at, issued_at + lifetime + AFTER_LAST_TOKEN)


def revoked_entries(number: int) -> dict[int, int]:
    """The entries of a list that are INVALID and may belong to a token that has not expired, each with
    the second in which it was revoked."""
    since = timezone.now() - longest_lifetime() - timedelta(minutes=1)
    first = number << LIST_BITS
    revoked = TokenStatus.objects.filter(revoked_at__gte=since, pk__gte=first, pk__lt=first + LIST_SIZE)
    return {pk - first: int(at.timestamp()) for pk, at in revoked.values_list("pk", "revoked_at") if at}


def publish_list(number: int) -> str:
    """The token of a list as the table has it now, signed once per change and minute; raises `ListUnknown`."""
    return sign_status_list(number, read_list(number), current_signer())


def clear_statuses() -> int:
    """Delete the entries that no session, client or living token has; how many. The last one stays, with its list."""
    dead = Q(revoked_at=None) | Q(revoked_at__lt=timezone.now() - longest_lifetime() - timedelta(days=1))
    last = TokenStatus.objects.aggregate(last=Max("pk"))["last"] or 0
    return batch_delete.delete(TokenStatus.objects.filter(dead, session=None, client=None, pk__lt=last))
