"""What a person may change about themselves without their password."""

from django.db import transaction

from accounts.login import throttling
from accounts.models import Event, User
from wire.events import Actor


@transaction.atomic
def rename(user: User, *, by: Actor, name: str | None = None) -> None:
    """Give a user another name, if one is given; raises `TooManyFailures` where that is done again and again."""
    if name is None or name == user.name:
        return

    throttling.count_attempt(throttling.rename_limits(user.sub))
    user.name = name
    user.save(update_fields=["name"])
    Event.objects.record(user, "renamed", by=by)
