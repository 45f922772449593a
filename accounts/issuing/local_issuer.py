"""Keys and status lists where accounts is in the process: from its tables, never over HTTP to itself."""

from django.db import connection

from accounts.issuing.keys import stored_keys, verifying_keys
from accounts.issuing.status_lists import read_list
from tokens.fresh_documents import FreshDocument, FreshDocuments
from tokens.issuer import CachedIssuer
from tokens.keys import KeySet


class LocalIssuer(CachedIssuer):
    """What `tokens.issuer.TokenIssuer` promises, from this process's own database."""

    def __init__(self) -> None:
        super().__init__(
            FreshDocument("keys", lambda _: verifying_keys(), inline=True, after=close_connection),
            FreshDocuments("status-list", lambda number, _: read_list(number), inline=True, after=close_connection),
        )


def close_connection() -> None:
    """Close the database connection of a thread that ends."""
    connection.close()


class StoredKeysIssuer(LocalIssuer):
    """The issuer with every key that is stored, to end a session by a token whose key was replaced."""

    def keys(self) -> KeySet:
        return stored_keys()

    refetch_keys = keys
