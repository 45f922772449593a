"""How often a password may be guessed: only failures count, in rows changed by one statement each."""

import hashlib
import time
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from django.db import connection, transaction

from accounts.models import Event, FailedLogIn, fold_email
from wire.events import SYSTEM

LONGEST_WAIT = 300
"""Seconds."""
WINDOW = 3600
"""Seconds after the first failure; then counting starts anew."""


class TooManyFailures(Exception):
    """Logging in failed too often; `retry_after` is in seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"Too many failures; try again in {retry_after} seconds.")
        self.retry_after = retry_after


class Limit(NamedTuple):
    """A key under which failures count, and how many are free of any wait within the window.

    After these the wait doubles from one second; a hard limit waits for the window to end.
    """

    key: str
    free: int
    hard: bool = False


def limits_of(email: str, address: str | None) -> list[Limit]:
    """What an attempt counts against. An account from one network soon, an address later, an
    account as a whole only after many, so that nobody locks another out cheaply."""
    account = hashlib.sha256(fold_email(email).encode()).hexdigest()[:40]
    return [
        Limit(f"account {account} from {network_of(address)}", free=5),
        Limit(f"address {address}", free=20),
        Limit(f"account {account}", free=100, hard=True),
    ]


def network_of(address: str | None) -> str:
    """The /24 or /64 of an address."""
    if not address:
        return "nowhere"

    parsed = ip_address(address)
    return str(ip_network(f"{parsed}/{24 if parsed.version == 4 else 64}", strict=False))


def count(limits: list[Limit]) -> None:
    """Count an attempt as failed, before it is known, so that no burst slips through.

    Raises `TooManyFailures` where one of its keys is blocked.
    """
    now = int(time.time())
    blocked = [limit.key for limit in limits if not raise_count(limit, now)]
    if blocked:
        raise TooManyFailures(wait_for(blocked, now))


UPSERT = """
INSERT INTO accounts_failedlogin AS f (key, failures, since, blocked_until)
VALUES (%(key)s, 1, %(now)s, 0)
ON CONFLICT (key) DO UPDATE SET
    failures = CASE WHEN f.since + %(window)s <= %(now)s THEN 1 ELSE f.failures + 1 END,
    since = CASE WHEN f.since + %(window)s <= %(now)s THEN %(now)s ELSE f.since END,
    blocked_until = CASE
        WHEN f.since + %(window)s <= %(now)s OR f.failures + 1 < %(free)s THEN 0
        WHEN %(hard)s THEN f.since + %(window)s
        WHEN f.failures + 1 - %(free)s >= 9 THEN %(now)s + %(longest)s
        ELSE %(now)s + (1 << (f.failures + 1 - %(free)s))
    END
WHERE f.blocked_until <= %(now)s
"""


def raise_count(limit: Limit, now: int) -> bool:
    """Raise one count and set its wait by one atomic upsert; False where it is blocked."""
    values = {**limit._asdict(), "now": now, "window": WINDOW, "longest": LONGEST_WAIT}
    with connection.cursor() as cursor:
        cursor.execute(UPSERT, values)
        return cursor.rowcount == 1


def wait_for(keys: list[str], now: int) -> int:
    """Seconds until none of some blocked keys is."""
    untils = FailedLogIn.objects.filter(key__in=keys).values_list("blocked_until", flat=True)
    return max([1, *(until - now for until in untils)])


@transaction.atomic
def forgive(limits: list[Limit]) -> None:
    """The attempt was good: it does not count, and the account starts anew on its network."""
    own, *shared = [limit.key for limit in limits]
    FailedLogIn.objects.filter(key=own).delete()
    for key in shared:
        lower_count(key)


def lower_count(key: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE accounts_failedlogin SET failures = failures - 1, blocked_until = 0 "
            "WHERE key = %s AND failures > 0",
            [key],
        )


def tell_failure(email: str, address: str | None) -> None:
    """Put a failure on the trail; the address it was tried for may be nobody's."""
    subject = FailedLogIn(key=f"address {address}"[:64])
    Event.objects.record(subject, "log-in failed", by=SYSTEM, email=email[:254], address=address)


def clear(batch: int = 1000) -> int:
    """Forget counts whose window has passed; how many."""
    old = FailedLogIn.objects.filter(since__lt=int(time.time()) - WINDOW, blocked_until__lt=int(time.time()))
    keys = list(old.values_list("key", flat=True)[:batch])
    return FailedLogIn.objects.filter(key__in=keys).delete()[0]
