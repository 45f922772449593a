"""Keys and status lists where accounts is in the process: from its tables, never over HTTP to itself."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import connection

from accounts.keys import longest_lifetime, verifying_keys
from accounts.statuses import has_list, revoked_indexes
from tokens.errors import TokenRefused
from tokens.freshness import Fresh
from tokens.keys import KeySet
from tokens.status_list import StatusList, set_bits

T = TypeVar("T")

MAX_LISTS = 64
AFTER_LAST_TOKEN = 300
"""Seconds that a list outlives the last token issued before it was made."""


class LocalIssuer:
    """What `tokens.issuer.TokenIssuer` promises, from this process's own database."""

    def __init__(self) -> None:
        self._keys: Fresh[KeySet] = Fresh("keys", lambda _: apart(verifying_keys), inline=True)
        self._lists: dict[int, Fresh[StatusList | None]] = {}

    def keys(self) -> KeySet:
        return self._keys.get()

    def find_keys(self) -> KeySet:
        return self._keys.look_again()

    def status_list(self, number: int) -> StatusList:
        if number not in self._lists and len(self._lists) >= MAX_LISTS:
            raise TokenRefused("The token's status list is unknown.")

        held = self._lists.setdefault(number, self._new_list(number)).get()
        if held is None:
            raise TokenRefused("The token's status list is unknown.")

        return held

    def _new_list(self, number: int) -> "Fresh[StatusList | None]":
        return Fresh(f"status-list {number}", lambda _: apart(lambda: read_list(number)), inline=True)


def read_list(number: int) -> StatusList | None:
    """List `number` as the table says now; None if no token was ever given an entry in it."""
    now = int(time.time())
    if not has_list(number):
        return None

    lifetime = int(longest_lifetime().total_seconds())
    return StatusList(set_bits(revoked_indexes(number)), now, now + lifetime + AFTER_LAST_TOKEN)


def apart(query: Callable[[], T]) -> T:
    """Run a query; in a thread of the background, give its connection back afterwards."""
    try:
        return query()
    finally:
        if threading.current_thread().name.startswith("freshness"):
            connection.close()
