"""Which tokens were revoked: set in the database, published as lists."""

import time
from datetime import timedelta
from typing import NamedTuple

from django.db.models import QuerySet
from django.utils import timezone

from accounts.issuing import sign_status_list
from accounts.keys import longest_lifetime
from accounts.models import Session, TokenStatus
from tokens.issuer import get_issuer
from tokens.status_list import LIST_BITS, LIST_SIZE

SIGNED_FOR = 60
"""Seconds after which a list is signed anew even if nothing changed."""


def revoke(sessions: QuerySet[Session]) -> int:
    """Set the bit of every access token of some sessions; how many bits were set."""
    revocable = TokenStatus.objects.filter(session__in=sessions, revoked_at=None)
    return TokenStatus.objects.filter(pk__in=revocable.values("pk")).update(revoked_at=timezone.now())


def revoked_indexes(number: int) -> list[int]:
    """The entries of a list that are INVALID and may belong to a token that still lives."""
    since = timezone.now() - longest_lifetime() - timedelta(minutes=1)
    first = number << LIST_BITS
    revoked = TokenStatus.objects.filter(revoked_at__gte=since, pk__gte=first, pk__lt=first + LIST_SIZE)
    return [pk - first for pk in revoked.values_list("pk", flat=True)]


def has_list(number: int) -> bool:
    """Whether any token was given an entry in a list; the first one exists from birth."""
    return number == 0 or TokenStatus.objects.filter(pk__gte=number << LIST_BITS).exists()


class Published(NamedTuple):
    """A signed list, and the bits and the moment it was signed for."""

    token: str
    bits: bytes
    signed_at: float


_published: dict[int, Published] = {}


def publish(number: int) -> str:
    """The status list token of a list, signed once per change and at least every minute.

    Its `iat` is the moment at which the table was read, so that of two processes' lists the one
    that knows more is the younger. Raises `TokenRefused` for a list that does not exist.
    """
    held = get_issuer().status_list(number)
    last = _published.get(number)
    if last and last.bits == held.bits and time.monotonic() - last.signed_at < SIGNED_FOR:
        return last.token

    token = sign_status_list(number, held)
    _published[number] = Published(token, held.bits, time.monotonic())
    return token
