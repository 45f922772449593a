"""What a person may change about themselves without their password."""

from django.db import transaction

from accounts.models import Event, User
from wire.events import Actor


@transaction.atomic
def rename(user: User, *, by: Actor, name: str | None = None) -> None:
    """Give a user another name, if one is given."""
    if name is None or name == user.name:
        return

    user.name = name
    user.save(update_fields=["name"])
    Event.objects.record(user, "renamed", by=by)
