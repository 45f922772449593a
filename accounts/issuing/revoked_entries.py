"""The revoked entries of all status lists, kept in memory and brought up to date from what changed."""

import threading
from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connections
from django.db.models import BigIntegerField, Count, F, IntegerField, Sum, Value
from django.db.models.functions import Cast

from accounts.issuing.keys import oldest_alive
from accounts.models import RevokedRole, Role, Session, TokenStatus
from database import clock
from tokens.status_list import LIST_SIZE

SPAN = 10
"""Seconds whose revocations are read and kept together."""
RECENT = 60
"""Seconds whose revocations are counted at every update, since their transactions may only now have committed."""
COUNTED = 60.0
"""Seconds between two counts of all that may matter, so that no later commit is missed for longer."""
WORD = 5
"""Entries are read as words of 2^5 bits, so that a million take 32,768 rows."""
LEFT_TO_OTHERS = timedelta(seconds=5)
"""How long the entries of a role are left to the process that took its scope to read."""
READS = 4
"""Times that the entries of a role are read within half a minute of its loss, `AGAIN` seconds apart."""
AGAIN = 3.0
WORD_BYTES = (1 << WORD) // 8
NEVER = float("-inf")


class Words(NamedTuple):
    """Some entries: the numbers of words, and what is set in each."""

    numbers: "array[int]"
    masks: "array[int]"

    def __len__(self) -> int:
        """How many entries."""
        return sum(mask.bit_count() for mask in self.masks)


class RoleRevocation(NamedTuple):
    """All tokens that the people with a role had at a time: those with entries up to `through`."""

    role: int
    revoked_at: datetime
    through: int


class RevokedEntries:
    """What is revoked, of tokens that may live: the bits of each list, and when the last was set."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Know nothing, as a process that has just been started."""
        self._parts: dict[int | RoleRevocation, Words] = {}
        self._bits: dict[int, bytearray] = {}
        self._latest = 0
        self._read_at: dict[RoleRevocation, list[float]] = {}
        self._begun_at = self._counted_at = NEVER

    def read(self, number: int) -> tuple[bytes, int]:
        """The bits of a list as the tables have it now, and when the last entry of any list was revoked, in seconds
        since the epoch (0: none in the time that matters)."""
        asked_at = monotonic()
        with self._lock:
            # Whoever began after this was asked for has read all that it could.
            if self._begun_at < asked_at:
                self._update()
            return bytes(self._bits.get(number) or bytes(LIST_SIZE // 8)), self._latest

    def _update(self) -> None:
        begun_at, oldest = monotonic(), span_of(oldest_alive())
        is_full = begun_at - self._counted_at >= COUNTED
        first = oldest if is_full else max(oldest, span_of(clock.now()) - RECENT)

        counts, roles = self._count(first), find_role_revocations()
        known = {*roles, *counts, *(part for part in self._parts if isinstance(part, int) and oldest <= part < first)}
        changed = {span: read_span(span) for span, count in counts.items() if self._size(span) != count}
        self._replace(self._parts.keys() - known, {**changed, **self._read_roles(roles)})
        self._begun_at = begun_at
        if is_full:
            self._counted_at = begun_at

    def _count(self, first: int) -> Counter[int]:
        """How many entries were revoked in each span since `first`, along the index."""
        counts: Counter[int] = Counter()
        revoked = TokenStatus.objects.filter(revoked_at__gte=datetime.fromtimestamp(first, UTC))
        grouped: Any = revoked.order_by("revoked_at").values_list("revoked_at").annotate(count=Count("*"))
        for revoked_at, count in grouped:
            counts[span_of(revoked_at)] += count
            self._latest = max(self._latest, int(revoked_at.timestamp()))
        return counts

    def _size(self, part: int | RoleRevocation) -> int:
        return len(self._parts[part]) if part in self._parts else 0

    def _read_roles(self, roles: Iterable[RoleRevocation]) -> dict[RoleRevocation, Words]:
        """The entries of roles that are new here; those that may have grown are read behind this, on a thread."""
        found = {}
        for revoked in roles:
            times = self._read_at.setdefault(revoked, [])
            if not times and (words := load_role(revoked)) is not None:
                self._latest = max(self._latest, int(revoked.revoked_at.timestamp()))
                found[revoked] = words
                times.append(monotonic())
            elif times and is_due(times):
                times.append(monotonic())
                threading.Thread(target=self._read_again, args=[revoked], daemon=True, name="revoked").start()
        return found

    def _read_again(self, revoked: RoleRevocation) -> None:
        """Read the entries of a role once more: of log-ins that were under way when it lost a scope."""
        try:
            words = read_role(revoked)
        finally:
            connections.close_all()
        with self._lock:
            if revoked in self._parts:
                self._replace([], {revoked: words})

    def _replace(self, gone: Collection[int | RoleRevocation], changed: Mapping[Any, Words]) -> None:
        """Keep other words for some parts. What is only added is set; after anything was taken away all is set anew."""
        grows = not gone and all(self._size(part) <= len(words) for part, words in changed.items())
        for part in gone:
            del self._parts[part]
        self._parts.update(changed)
        if not grows:
            self._bits = {}
        for words in changed.values() if grows else self._parts.values():
            set_words(self._bits, words)


def is_due(times: list[float]) -> bool:
    """Whether a role is to be read again, after it was at some times: thrice while log-ins that read its scopes before
    may commit, and once a minute later."""
    now = monotonic()
    return now - times[-1] >= AGAIN if len(times) < READS else len(times) == READS and now - times[0] >= COUNTED


def find_role_revocations() -> list[RoleRevocation]:
    """Those that are about tokens that may live."""
    revoked = Role.objects.order_by().filter(revoked_at__gte=oldest_alive())
    columns = revoked.values_list("pk", "revoked_at", "revoked_through")
    found = list(columns)
    if any(through is None and is_left(revoked_at) for _, revoked_at, through in found):
        close_role_revocations()
        found = list(columns.all())
    return [RoleRevocation(*row) for row in found if row[2] is not None]  # type: ignore[arg-type]


def is_left(revoked_at: datetime | None) -> bool:
    """Whether a revocation is so old that the process which began it must have died."""
    return revoked_at is not None and clock.now() - revoked_at >= LEFT_TO_OTHERS


def close_role_revocations() -> None:
    """Once the loss of the scope was committed, write down up to which entry tokens were revoked, and which these are.

    A log-in takes its entry before it reads the scopes. So whoever read them before the commit has an entry below the
    one that is taken here, and whoever is given a later one reads what is left.
    """
    if "accounts" in settings.READ_ONLY:
        return

    last = TokenStatus.objects.create().pk
    Role.objects.filter(revoked_through=None, revoked_at__isnull=False).update(revoked_through=last)
    closed = Role.objects.filter(revoked_through=last)
    for row in closed.values_list("pk", "revoked_at", "revoked_through"):
        keep_role(RoleRevocation(*row))  # type: ignore[arg-type]


def keep_role(revoked: RoleRevocation) -> Words:
    """Read the entries of a role, and keep them for every other process."""
    words = read_role(revoked)
    kept = {"through": revoked.through, "numbers": words.numbers.tobytes(), "masks": words.masks.tobytes()}
    RevokedRole.objects.update_or_create(role_id=revoked.role, defaults=kept)
    return words


def load_role(revoked: RoleRevocation) -> Words | None:
    """The entries of a role, as somebody read them; None while somebody is reading them."""
    kept = RevokedRole.objects.filter(role=revoked.role, through=revoked.through).first()
    if kept:
        return Words(array("Q", bytes(kept.numbers)), array("I", bytes(kept.masks)))
    if not is_left(revoked.revoked_at):
        return None

    return read_role(revoked) if "accounts" in settings.READ_ONLY else keep_role(revoked)


def read_role(revoked: RoleRevocation) -> Words:
    """The entries of sessions of people with a role, whose last token may live."""
    since = revoked.revoked_at - settings.TOKEN_LIFETIME - timedelta(minutes=1)
    living = Session.objects.alive().filter(user__roles=revoked.role, rotated_at__gte=since)
    return read_words(living.filter(status__lte=revoked.through), "status_id")


def span_of(at: datetime) -> int:
    """The beginning of the span that a time is in, in seconds since the epoch."""
    return int(at.timestamp()) // SPAN * SPAN


def read_span(span: int) -> Words:
    """The entries that were revoked in a span."""
    first, end = (datetime.fromtimestamp(at, UTC) for at in (span, span + SPAN))
    return read_words(TokenStatus.objects.filter(revoked_at__gte=first, revoked_at__lt=end), "pk")


def read_words(rows: Any, column: str) -> Words:
    """The entries that a unique column of some rows names; the database puts them together."""
    place: Any = Cast(F(column).bitand((1 << WORD) - 1), IntegerField())
    bit = Cast(Value(1), BigIntegerField()).bitleftshift(place)
    words = rows.order_by().values_list(F(column).bitrightshift(WORD)).annotate(mask=Sum(bit))
    read = Words(array("Q"), array("I"))
    for number, mask in words:
        read.numbers.append(number)
        read.masks.append(int(mask))
    return read


def set_words(bits: dict[int, bytearray], words: Words) -> None:
    """Set entries in the lists that they are in, least significant bit first."""
    for number, mask in zip(words.numbers, words.masks, strict=True):
        first = number << WORD
        listed = bits.get(first // LIST_SIZE)
        if listed is None:
            listed = bits[first // LIST_SIZE] = bytearray(LIST_SIZE // 8)
        at = first % LIST_SIZE // 8
        was = int.from_bytes(listed[at : at + WORD_BYTES], "little")
        listed[at : at + WORD_BYTES] = (was | mask).to_bytes(WORD_BYTES, "little")


revoked_entries = RevokedEntries()
