"""Which tokens were revoked: set in the database, published as lists."""

from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max, Q, QuerySet

from accounts.issuing.keys import current_signer, longest_lifetime, oldest_alive
from accounts.issuing.revoked_entries import revoked_entries
from accounts.issuing.tokens import sign_status_list
from accounts.models import Role, Session, TokenStatus
from accounts.models.people import were_revoked_since
from database import batch_delete, clock, sequences
from tokens.errors import ListUnknown
from tokens.issuer import SIGNED_FOR
from tokens.status_list import LIST_BITS, StatusList
from tokens.verification import read_status

AFTER_LAST_TOKEN = 300
"""Seconds that a list outlives the last token issued before it was made."""


def revoke_session_tokens(sessions: "QuerySet[Session]") -> int:
    """Set the bit of every access token of some sessions; how many bits were set."""
    revocable = TokenStatus.objects.filter(session__in=sessions, revoked_at=None)
    return TokenStatus.objects.filter(pk__in=revocable.values("pk")).update(revoked_at=clock.now())


def is_valid(status: dict[str, Any]) -> bool:
    """Whether the entry that a token's `status` claim names is VALID at this moment."""
    number, index = read_status(status)
    entry = (number << LIST_BITS) + index
    roles = Role.objects.filter(revoked_at__isnull=False, users__sessions__status=entry)
    valid = TokenStatus.objects.filter(pk=entry, revoked_at=None).exists()
    return valid and not were_revoked_since(roles, entry, oldest_alive())


def read_list(number: int) -> StatusList:
    """List `number` as the table has it now; raises `ListUnknown` if no token was ever given an entry in it.

    It is dated by the last revocation, or by the minute, so that all processes date the same table alike
    and the one that knows more is never the older.
    """
    # The first list exists before any entry does.
    if number and not TokenStatus.objects.filter(pk__gte=number << LIST_BITS).exists():
        raise ListUnknown("The token's status list is unknown.")

    now = int(clock.time())
    bits, latest = revoked_entries.read(number)
    issued_at = max(now - now % SIGNED_FOR, min(latest, now))
    lifetime = int(longest_lifetime().total_seconds())
    return StatusList(bits, issued_at, issued_at + lifetime + AFTER_LAST_TOKEN)


def publish_list(number: int) -> str:
    """The token of a list as the table has it now, signed once per change and minute; raises `ListUnknown`."""
    return sign_status_list(number, read_list(number), current_signer())


@transaction.atomic
def start_list() -> int:
    """Give out entries from a list on that was never begun, also by rows that are lost; its number.

    It is at least the number of minutes since 1970. Entries are given out more slowly than a list in a minute, so none
    that was ever begun has as high a number, whatever backup this is, and however often one was restored before.
    """
    last = TokenStatus.objects.aggregate(last=Max("pk"))["last"] or 0
    number = max((last >> LIST_BITS) + 1, int(clock.time()) // 60)
    TokenStatus.objects.create(pk=number << LIST_BITS)
    sequences.follow_greatest(TokenStatus)
    return number


def clear_statuses() -> int:
    """Delete the entries that no session, client or living token has; how many. The last one stays, with its list."""
    dead = Q(revoked_at=None) | Q(revoked_at__lt=clock.now() - longest_lifetime() - settings.KEPT["token statuses"])
    others = TokenStatus.objects.filter(pk__lt=TokenStatus.objects.aggregate(last=Max("pk"))["last"] or 0)
    return batch_delete.delete_among(others, others.filter(dead, session=None, client=None))
