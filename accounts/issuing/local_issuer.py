"""Keys and status lists where accounts is in the process: from its tables, never over HTTP to itself."""

from django.db import connections

from accounts.issuing.keys import stored_keys, verifying_keys
from accounts.issuing.status_lists import read_list
from tokens.fresh_documents import FreshDocument, FreshDocuments
from tokens.issuer import CachedIssuer


class LocalIssuer(CachedIssuer):
    """What `tokens.issuer.TokenIssuer` promises, from this process's own database."""

    def __init__(self) -> None:
        close = connections.close_all
        super().__init__(
            FreshDocument("keys", lambda _: verifying_keys(), inline=True, after=close),
            FreshDocuments("status-list", lambda number, _: read_list(number), inline=True, after=close),
        )


class StoredKeysIssuer(LocalIssuer):
    """The issuer with every key that is stored, to end a session by a token whose key was replaced."""

    def __init__(self) -> None:
        super().__init__()
        self.keys = self.refetch_keys = stored_keys
