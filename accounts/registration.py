"""Becoming a user, and changing one's password."""

from django.contrib.auth.password_validation import validate_password
from django.db import IntegrityError, transaction

from accounts import sessions
from accounts.models import Event, Session, User, fold_email
from wire.events import Actor, Named


class EmailTaken(Exception):
    """Somebody has registered with that e-mail address."""


class WrongPassword(Exception):
    """The current password is not the one given."""


def register(email: str, password: str, name: str) -> User:
    """A new customer; raises `EmailTaken`, or Django's `ValidationError` for a poor password."""
    user = User(email=fold_email(email), name=name)
    user.full_clean(exclude=["password", "email"])
    validate_password(password, user)
    try:
        return create(user, password)
    except IntegrityError as error:
        raise EmailTaken from error


@transaction.atomic
def create(user: User, password: str) -> User:
    created = User.objects.create_user(user.email, password, name=user.name)
    Event.objects.record(created, "registered", by=Named(created.sub))
    return created


@transaction.atomic
def rename(user: User, *, by: Actor, name: str | None = None) -> None:
    """Give a user another name, if one is given."""
    if name is None or name == user.name:
        return

    user.name = name
    user.save(update_fields=["name"])
    Event.objects.record(user, "renamed", by=by)


@transaction.atomic
def change_password(user: User, current: str, new: str, *, sid: str, by: Actor) -> None:
    """Set a new password and end every session but `sid`.

    Raises `WrongPassword`, or Django's `ValidationError` for a poor new password.
    """
    if not user.check_password(current):
        raise WrongPassword

    validate_password(new, user)
    user.set_password(new)
    user.save(update_fields=["password"])
    Event.objects.record(user, "password changed", by=by)
    sessions.end(Session.objects.filter(user=user).exclude(pk=sid or None), reason="password change", by=by)


