"""Keys and status lists where accounts is in the process: from its tables, never over HTTP to itself."""

from django.db import connection

from accounts.issuing.keys import past_keys, verifying_keys
from accounts.issuing.status_lists import read_list
from tokens.errors import ListUnknown
from tokens.fresh_documents import FreshDocument, FreshDocuments
from tokens.keys import KeySet
from tokens.status_list import StatusList


class LocalIssuer:
    """What `tokens.issuer.TokenIssuer` promises, from this process's own database."""

    def __init__(self) -> None:
        self._keys: FreshDocument[KeySet] = FreshDocument(
            "keys", lambda _: verifying_keys(), inline=True, after=give_back
        )
        self._lists: FreshDocuments[StatusList] = FreshDocuments(
            "status-list", lambda number, _: find_list(number), inline=True, after=give_back
        )

    def keys(self) -> KeySet:
        return self._keys.get()

    def refetch_keys(self) -> KeySet:
        return self._keys.refetch()

    def status_list(self, number: int) -> StatusList:
        return self._lists.get(number)


def give_back() -> None:
    """Close the connection of a thread that ends."""
    connection.close()


class Archive(LocalIssuer):
    """The issuer with every key that is kept, for who ends what a token belongs to."""

    def keys(self) -> KeySet:
        return past_keys()

    refetch_keys = keys


def find_list(number: int) -> StatusList:
    """List `number` as the table says now; raises `ListUnknown` if no token was ever given an entry in it."""
    listed = read_list(number)
    if listed is None:
        raise ListUnknown("The token's status list is unknown.")

    return listed
