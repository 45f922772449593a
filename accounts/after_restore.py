"""What a restored database of accounts must not let come back: see docs/back-up.md."""

from collections.abc import Iterator

from django.db import transaction

from accounts.issuing import keys, status_lists
from accounts.login import sessions
from accounts.models import Client, Consent, Session
from accounts.oauth import clients
from database import batch_delete
from wire.events import Named

BATCH = 1_000
"""Sessions that end in one transaction."""
BY = Named("after_restore")


def after_restore() -> Iterator[str]:
    """Void every token that was issued before now, since nobody knows which were revoked; what was done, in words."""
    yield replace_keys()
    yield f"entries of status lists are given out from list {status_lists.start_list():,} on, which no token names"
    yield f"{end_sessions():,} sessions ended: everybody logs in again"
    yield f"{forget_consents():,} apps that people let in ask again: some were ended since"
    yield from renew_entries()
    yield "as they were when the backup was made: people, passwords, rights, clients and their secrets"
    yield "second factors, too: recovery codes that were used since are good again"


def replace_keys() -> str:
    if keys.is_shared():
        return (
            "JWT_ALGORITHM is HS256: set another JWT_SIGNING_KEY at every service, or tokens revoked since are believed"
        )

    key = keys.replace_keys(by=BY)
    return f"key {key.kid} signs; access tokens signed by any other are refused within 10 seconds"


def end_sessions() -> int:
    """End the sessions that go on, in batches, so that whoever is cut off goes on from there; how many."""
    ended = 0
    while ids := list(Session.objects.alive().order_by("pk").values_list("pk", flat=True)[:BATCH]):
        ended += sessions.end(Session.objects.filter(pk__in=ids), reason="restored", by=BY)
    return ended


def forget_consents() -> int:
    """Forget what people let apps do, so that each app asks again; how many times."""
    return batch_delete.delete(Consent.objects.all())


@transaction.atomic
def renew_entries() -> Iterator[str]:
    """Give every client an entry that none of its tokens has had."""
    for client in Client.objects.all():
        clients.revoke_tokens(client, by=BY)
        yield f"client {client}: its tokens are void; its secret is that of the backup"
