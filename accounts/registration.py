"""Becoming a user, and changing one's password."""

from django.contrib.auth.password_validation import validate_password
from django.db import IntegrityError, transaction

from accounts import roles, sessions
from accounts.models import Event, User, fold_email
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
    check_password(user, current)
    validate_password(new, user)
    user.set_password(new)
    user.save(update_fields=["password"])
    Event.objects.record(user, "password changed", by=by)
    sessions.end(sessions.others(user.sub, sid), reason="password change", by=by)


def change_email(user: User, current: str, email: str, *, sid: str, by: Actor) -> None:
    """Give a user another address to log in with, and end every session but `sid`.

    Raises `WrongPassword` or `EmailTaken`.
    """
    check_password(user, current)
    try:
        store_email(user, email, sid=sid, by=by)
    except IntegrityError as error:
        raise EmailTaken from error


@transaction.atomic
def store_email(user: User, email: str, *, sid: str, by: Actor) -> None:
    before, user.email = user.email, fold_email(email)
    user.save(update_fields=["email"])
    Event.objects.record(user, "e-mail changed", by=by, before=before)
    sessions.end(sessions.others(user.sub, sid), reason="e-mail change", by=by)


def delete_self(user: User, current: str, *, by: Actor) -> None:
    """Delete a user who asks for it; raises `WrongPassword`. Orders keep their own copy of the name."""
    check_password(user, current)
    roles.remove_user(user, by=by)


def check_password(user: User, password: str) -> None:
    """Raise `WrongPassword` unless it is the user's."""
    if not user.check_password(password):
        raise WrongPassword
