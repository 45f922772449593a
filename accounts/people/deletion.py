"""Deleting a user for good. Orders keep their own copy of the name."""

from django.db import transaction

from accounts.login import sessions
from accounts.models import Event, Session, User
from accounts.people.credentials import WrongPassword, check_current
from wire.events import Actor


def delete_own(user: User, *, current_password: str, by: Actor) -> None:
    """Delete a user who asks for it; raises `WrongPassword` or `TooManyFailures`."""
    check_current(user, current_password)
    delete_unchanged(user, by=by)


@transaction.atomic
def delete_unchanged(user: User, *, by: Actor) -> None:
    """Delete a user whose password is still the one that was checked, else raise `WrongPassword`."""
    if not User.objects.select_for_update().filter(pk=user.pk, password=user.password).first():
        raise WrongPassword

    delete_user(user, by=by)


@transaction.atomic
def delete_user(user: User, *, by: Actor) -> None:
    """Delete a user; every token of theirs is revoked first, and the status entries stay."""
    # Locked first, so that no log-in that is under way leaves a session behind.
    User.objects.select_for_update().filter(pk=user.pk).first()
    sessions.end(Session.objects.filter(user=user), reason="deleted", by=by)
    Event.objects.record(user, "user deleted", by=by)
    user.delete()
