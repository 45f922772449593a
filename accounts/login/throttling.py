"""How often a password may be guessed: only failures count, in rows changed by one statement each."""

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from django.conf import settings
from django.db import connection, transaction

from accounts.login.hashers import count_cores
from accounts.models import Event, FailedLogIn
from database import batch_delete, clock, prepared
from database.deadlines import at_least
from wire import text
from wire.events import SYSTEM

if TYPE_CHECKING:
    from django.db.models import QuerySet

T = TypeVar("T")

LONGEST_WAIT = 300
"""Seconds."""
WINDOW = 3600
"""Seconds after the first failure; then counting starts anew."""
SITE = 48
"""Bits of an IPv6 address that one attacker may have all the rest of; who has an account has a /56 (RIPE 690)."""
COUNTING = 1.0
"""Seconds for counting and recording a wrong guess, though its request has less time left."""
ADDRESSES = 1024
"""Addresses whose networks are kept, since to work them out takes longer than to look them up."""

_under_way = threading.BoundedSemaphore(count_cores())


class TooManyFailures(Exception):
    """A password was guessed wrong too often, or something else done; `retry_after` is in seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"Too many attempts; try again in {retry_after} seconds.")
        self.retry_after = retry_after


class Limit(NamedTuple):
    """A key under which failures count, and how many are free of any wait within the window.

    After these the wait doubles from one second; a hard limit waits for the window to end.
    """

    key: str
    free: int
    hard: bool = False


def login_limits(email: str, address: str | None, browser: str = "") -> list[Limit]:
    """What a log-in counts against. An account from one network soon, an address later, an
    account as a whole only after many, so that nobody locks another out cheaply.

    A browser in which the owner has logged in before (its id) counts apart, so that strangers do not shut it out.
    """
    account = hash_account(email)
    if browser:
        return [
            Limit(f"account {account} in {browser}", free=5),
            Limit(f"account {account} in its browsers", free=100, hard=True),
        ]

    limits = [
        Limit(f"account {account} from {network_of(address)}", free=5),
        Limit(f"address {source_of(address)}", free=20),
        Limit(f"account {account}", free=100, hard=True),
    ]
    return limits if address else [limits[0], limits[2]]


def password_limits(sub: str) -> list[Limit]:
    """What asking a logged-in user for their password again counts against."""
    return [Limit(f"password of {sub}", free=5)]


def factor_limits(sub: str, address: str | None) -> list[Limit]:
    """What a second factor counts against, which is asked for after the password: of a person from one network soon,
    of a person as a whole by the hour. Whoever is stopped by that, their passkeys still open."""
    return [
        Limit(f"second factor of {sub} from {network_of(address)}", free=5),
        Limit(f"second factor of {sub}", free=20, hard=True),
    ]


def passkey_limits(address: str | None) -> list[Limit]:
    """What a passkey counts against that opens nothing: it cannot be guessed, but to check one takes time."""
    return [Limit(f"passkeys from {source_of(address)}", free=20)]


def reset_limits(email: str, address: str | None, browser: str = "") -> list[Limit]:
    """What asking for a link by mail counts against: an account from one network soon, any account
    from there later, an account as a whole by the hour, so that its mailbox is not flooded.

    A browser in which the owner has logged in before counts apart.
    """
    account = hash_account(email)
    if browser:
        return [
            Limit(f"reset of {account} in {browser}", free=3),
            Limit(f"reset of {account} in its browsers", free=20, hard=True),
        ]

    return [
        Limit(f"reset of {account} from {network_of(address)}", free=3),
        Limit(f"resets from {network_of(address, SITE)}", free=20),
        Limit(f"reset of {account}", free=20, hard=True),
    ]


def registration_limits(address: str | None) -> list[Limit]:
    """What becoming a user counts against: the network, before anything is hashed."""
    return [Limit(f"registrations from {network_of(address, SITE)}", free=settings.REGISTRATIONS_PER_HOUR)]


def confirmation_limits(sub: str) -> list[Limit]:
    """What a link that confirms an address counts against, wherever it is mailed to."""
    return [Limit(f"links of {sub}", free=3), Limit(f"links of {sub} by the hour", free=20, hard=True)]


def rename_limits(sub: str) -> list[Limit]:
    """What another name counts against, since each leaves an event for good."""
    return [Limit(f"renames of {sub}", free=20, hard=True)]


def factor_change_limits(sub: str) -> list[Limit]:
    """What a change of one's second factors counts against, since each leaves an event and a mail for good."""
    return [Limit(f"factor changes of {sub}", free=20, hard=True)]


def hash_account(email: str) -> str:
    return hashlib.sha256(text.email(email).encode()).hexdigest()[:40]


def read_address(text: str | None) -> str | None:
    """An IP address as it is counted and stored, IPv4 in IPv6 as IPv4; None for what is no address."""
    try:
        parsed = ip_address((text or "").partition("%")[0])
    except ValueError:
        return None
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)


def network_of(address: str | None, bits: int = 56) -> str:
    """The /24 of an address, of IPv6 so many bits; what is no address counts as itself."""
    known = read_address(address)
    return find_network(known, bits if ":" in known else 24) if known else (address or "")[:40]


@lru_cache(ADDRESSES)
def find_network(address: str, bits: int) -> str:
    return str(ip_network(f"{address}/{bits}", strict=False))


def source_of(address: str | None) -> str:
    """What one attacker has: a single IPv4 address, or a site with all its IPv6 addresses."""
    network = network_of(address, SITE)
    return network if ":" in network else (read_address(address) or network)


def try_password(limits: list[Limit], verify: Callable[[], T | None]) -> tuple[T | None, int]:
    """What `verify` answers, which hashes a password; and if that is nothing, the seconds that the next has to wait.

    A failure counts once it is known, so that right passwords never put each other off. As many are
    under way as passwords are hashed at once, the others wait here and look at the counts only then: so many guesses
    at most slip by. Raises `TooManyFailures` where any key is blocked, be it meanwhile and the password wrong.
    """
    with place_in_line(limits):
        failed = refuse_blocked(limits)
        verified = verify()
        if not verified:
            # Whoever calls says how long they wait, and would else guess without being counted.
            with at_least(COUNTING):
                return None, count_attempt(limits)

    if limits[0].key in failed:
        # Who succeeded starts anew; what counts for others as well does not.
        FailedLogIn.objects.filter(key=limits[0].key).delete()
    return verified, 0


@contextmanager
def place_in_line(limits: list[Limit]) -> Iterator[None]:
    """One of the places at which passwords are hashed; who is blocked does not wait for one."""
    if not _under_way.acquire(blocking=False):
        refuse_blocked(limits)
        _under_way.acquire()
    try:
        yield
    finally:
        _under_way.release()


def refuse_blocked(limits: list[Limit]) -> set[str]:
    """Which keys have failures; raises `TooManyFailures` if one of them is blocked."""
    now = int(clock.time())
    rows = counts_of(keys=[limit.key for limit in limits])
    wait = max((row["blocked_until"] - now for row in rows), default=0)
    if wait > 0:
        raise TooManyFailures(wait)

    return {row["key"] for row in rows}


@prepared.rows(FailedLogIn, keys=["key"])
def counts_of(keys: Sequence[str]) -> "QuerySet[FailedLogIn, Any]":
    return FailedLogIn.objects.filter(key__in=keys).order_by().values("key", "blocked_until")


@transaction.atomic
def count_attempt(limits: list[Limit]) -> int:
    """Count an attempt, of a password one that failed; the seconds that the next one will have to wait.

    Raises `TooManyFailures` where any key is blocked; the attempt then counts nowhere, so that whoever is blocked
    here cannot lock the account for others.
    """
    now = int(clock.time())
    return max(count_one(limit, now) for limit in limits)


UPSERT = """
INSERT INTO accounts_failedlogin AS f (key, failures, since, blocked_until)
VALUES (%(key)s, 1, %(now)s, CASE WHEN %(free)s > 1 THEN 0 ELSE %(now)s + 1 END)
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


def record_failure(email: str, address: str | None, *, wait: int) -> None:
    """Record a failed log-in, perhaps of no account, and the lock of `wait` seconds that it brought."""
    subject = FailedLogIn(key=f"address {address}"[:64])
    with at_least(COUNTING), transaction.atomic():
        Event.objects.record(subject, "log-in failed", by=SYSTEM, email=email[:254], address=address)
        if wait:
            Event.objects.record(subject, "log-in locked", by=SYSTEM, email=email[:254], address=address, seconds=wait)


def clear_failures() -> int:
    """Delete counts whose window has passed; how many."""
    now = int(clock.time())
    over = FailedLogIn.objects.filter(since__lt=now - WINDOW, blocked_until__lt=now)
    return batch_delete.delete_among(FailedLogIn.objects.all(), over)
