"""How often a password may be guessed: only failures count, in rows changed by one statement each."""

import hashlib
import time
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from django.db import connection, transaction

from accounts.models import Event, FailedLogIn, fold_email
from database import batch_delete
from wire.events import SYSTEM

LONGEST_WAIT = 300
"""Seconds."""
WINDOW = 3600
"""Seconds after the first failure; then counting starts anew."""


class TooManyFailures(Exception):
    """A password was guessed wrong too often; `retry_after` is in seconds."""

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


def login_limits(email: str, address: str | None) -> list[Limit]:
    """What a log-in counts against. An account from one network soon, an address later, an
    account as a whole only after many, so that nobody locks another out cheaply."""
    account = hash_account(email)
    limits = [
        Limit(f"account {account} from {network_of(address)}", free=5),
        Limit(f"address {source_of(address)}", free=20),
        Limit(f"account {account}", free=100, hard=True),
    ]
    return limits if address else [limits[0], limits[2]]


def password_limits(sub: str) -> list[Limit]:
    """What asking a logged-in user for their password again counts against."""
    return [Limit(f"password of {sub}", free=5)]


def reset_limits(email: str, address: str | None) -> list[Limit]:
    """What asking for a link by mail counts against: an account from one network soon, any account
    from there later, an account as a whole by the hour, so that its mailbox is not flooded."""
    account, network = hash_account(email), network_of(read_address(address))
    return [
        Limit(f"reset of {account} from {network}", free=3),
        Limit(f"resets from {network}", free=20),
        Limit(f"reset of {account}", free=20, hard=True),
    ]


def hash_account(email: str) -> str:
    return hashlib.sha256(fold_email(email).encode()).hexdigest()[:40]


def read_address(text: str | None) -> str | None:
    """An IP address as it is counted and stored, IPv4 in IPv6 as IPv4; None for what is no address."""
    try:
        parsed = ip_address((text or "").partition("%")[0])
    except ValueError:
        return None
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)


def network_of(address: str | None) -> str:
    """The /24 or /64 of an address."""
    if not address:
        return "nowhere"

    parsed = ip_address(address)
    return str(ip_network(f"{parsed}/{24 if parsed.version == 4 else 64}", strict=False))


def source_of(address: str | None) -> str:
    """What one attacker has: a single IPv4 address, or a /64 with all its IPv6 addresses."""
    network = network_of(address)
    return network if ":" in network else str(address)


@transaction.atomic
def count_attempt(limits: list[Limit]) -> int:
    """Count an attempt as failed, before that is known, so that no burst slips through.

    The seconds that the next one has to wait if this one fails. Raises `TooManyFailures` where any key is blocked; the
    attempt then counts nowhere, so that whoever is blocked here cannot lock the account for others.
    """
    now = int(time.time())
    return max(count_one(limit, now) for limit in limits)


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
RETURNING blocked_until
"""


DECREMENT = "UPDATE accounts_failedlogin SET failures = failures - 1, blocked_until = 0 WHERE key = %s AND failures > 0"


def count_one(limit: Limit, now: int) -> int:
    """Raise one count by one atomic upsert; the wait in seconds that it brings. Raises `TooManyFailures` if blocked."""
    values = {**limit._asdict(), "now": now, "window": WINDOW, "longest": LONGEST_WAIT}
    with connection.cursor() as cursor:
        cursor.execute(UPSERT, values)
        row = cursor.fetchone()
    if row is None:
        until = FailedLogIn.objects.filter(key=limit.key).values_list("blocked_until", flat=True).first()
        raise TooManyFailures(max(1, (until or now) - now))

    return max(0, row[0] - now)


@transaction.atomic
def count_success(limits: list[Limit]) -> None:
    """The attempt succeeded: it does not count, and the first of its keys starts anew."""
    own, *shared = [limit.key for limit in limits]
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM accounts_failedlogin WHERE key = %s", [own])
        for key in shared:
            cursor.execute(DECREMENT, [key])


@transaction.atomic
def record_failure(email: str, address: str | None, *, wait: int) -> None:
    """Record a failed log-in, perhaps of no account, and the lock of `wait` seconds that it brought."""
    subject = FailedLogIn(key=f"address {address}"[:64])
    Event.objects.record(subject, "log-in failed", by=SYSTEM, email=email[:254], address=address)
    if wait:
        Event.objects.record(subject, "log-in locked", by=SYSTEM, email=email[:254], address=address, seconds=wait)


def clear_failures() -> int:
    """Delete counts whose window has passed; how many."""
    now = int(time.time())
    return batch_delete.delete(FailedLogIn.objects.filter(since__lt=now - WINDOW, blocked_until__lt=now))
