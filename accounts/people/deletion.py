"""Deleting a user for good. Orders keep their own copy of the name."""

from django.db import transaction

from accounts.login import sessions
from accounts.models import Event, Mail, Session, User
from accounts.people import access
from accounts.people.credentials import WrongPassword, check_current
from wire.events import Actor


def delete_own(user: User, *, current_password: str, by: Actor) -> None:
    """Delete a user who asks for it; raises `WrongPassword`, `TooManyFailures` or `LastManager`."""
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
    """Delete a user; every token of theirs is revoked first, and the status entries stay.

    Raises `NotHeld` if it is somebody else who holds more than `by`, and `LastManager`.
    """
    # Locked first, so that no log-in that is under way leaves a session behind.
    User.objects.select_for_update().filter(pk=user.pk).first()
    with access.keep_manager():
        if by.sub != user.sub:
            access.check_holds(by, access.read_scopes(user))
        sessions.end(Session.objects.filter(user=user), reason="deleted", by=by)
        # Where else the address stands, a job looks up by it: `erasure.forget_deleted`.
        Event.objects.record(user, "user deleted", by=by, email=user.email)
        Mail.objects.write("account deleted", user.email)
        user.delete()
