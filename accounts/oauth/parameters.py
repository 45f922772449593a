"""The parameters of a request, in an address or in a form (RFC 6749 3.1, 3.2)."""

from django.http import QueryDict

MAX_FORM = 8 * 1024
"""Bytes of a form that is sent on as an address, three times as long at worst: the gateway takes 32 kB of headers."""


def given(sent: QueryDict) -> QueryDict:
    """Those that have a value; one without counts as left out."""
    kept = QueryDict(mutable=True)
    for name, values in sent.lists():
        if filled := [value for value in values if value]:
            kept.setlist(name, filled)
    return kept
