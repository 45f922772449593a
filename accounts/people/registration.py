"""Becoming a user, changing what one logs in with, and leaving."""

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.db import IntegrityError, transaction

from accounts.login import sessions, throttling
from accounts.models import Event, Session, User, fold_email
from accounts.people import access
from wire.events import SYSTEM, Actor, Named


class EmailTaken(Exception):
    """Somebody has registered with that e-mail address."""


class WrongPassword(Exception):
    """The current password is not the one given."""


def register(email: str, password: str, name: str) -> User:
    """A new customer; raises `EmailTaken`, or Django's `ValidationError` for a poor password."""
    user = User(email=read_email(email), name=name)
    validate_password(password, user)
    user.set_password(password)
    try:
        return admit(user)
    except IntegrityError as error:
        raise EmailTaken from error


def read_email(email: str) -> str:
    """An address as it is stored; raises Django's `ValidationError` for one that cannot be."""
    field = User._meta.get_field("email")
    folded: str = field.clean(fold_email(email), None)
    return folded


@transaction.atomic
def admit(user: User) -> User:
    User.objects.admit(user)
    Event.objects.record(user, "registered", by=Named(user.sub))
    return user


@transaction.atomic
def rename(user: User, *, by: Actor, name: str | None = None) -> None:
    """Give a user another name, if one is given."""
    if name is None or name == user.name:
        return

    user.name = name
    user.save(update_fields=["name"])
    Event.objects.record(user, "renamed", by=by)


def change_password(user: User, current: str, new: str, *, sid: str, by: Actor) -> None:
    """Set a new password and end every session but `sid`.

    Raises `WrongPassword`, `TooManyFailures`, or Django's `ValidationError` for a poor new password.
    """
    check_password(user, current)
    validate_password(new, user)
    store_password(user, make_password(new), sid=sid, by=by)


@transaction.atomic
def store_password(user: User, encoded: str, *, sid: str, by: Actor) -> None:
    """Exchange the password that was checked; of two changes at once, one comes too late."""
    if not User.objects.filter(pk=user.pk, password=user.password).update(password=encoded):
        raise WrongPassword

    Event.objects.record(user, "password changed", by=by)
    sessions.end(sessions.others(user.sub, sid), reason="password change", by=by)


def reset_password(user: User, new: str) -> None:
    """Set the password of who proved to read the user's mail, and end every session.

    Raises Django's `ValidationError` for a poor password, `WrongPassword` if another was set meanwhile.
    """
    validate_password(new, user)
    replace_password(user, make_password(new))


@transaction.atomic
def replace_password(user: User, encoded: str) -> None:
    """Exchange the password that a link was made for; of two who follow it at once, one comes too late."""
    if not User.objects.filter(pk=user.pk, password=user.password).update(password=encoded):
        raise WrongPassword

    Event.objects.record(user, "password reset", by=SYSTEM)
    sessions.end(Session.objects.filter(user=user), reason="password reset", by=SYSTEM)


def change_email(user: User, current: str, email: str, *, sid: str, by: Actor) -> None:
    """Give a user another address to log in with, and end every session but `sid`.

    Raises `WrongPassword`, `TooManyFailures` or `EmailTaken`.
    """
    email = read_email(email)
    check_password(user, current)
    try:
        store_email(user, email, sid=sid, by=by)
    except IntegrityError as error:
        raise EmailTaken from error


@transaction.atomic
def store_email(user: User, email: str, *, sid: str, by: Actor) -> None:
    """Exchange the address of who has the password that was checked, whatever was changed meanwhile."""
    if not User.objects.filter(pk=user.pk, password=user.password).update(email=email):
        raise WrongPassword

    before, user.email = user.email, email
    Event.objects.record(user, "e-mail changed", by=by, before=before)
    sessions.end(sessions.others(user.sub, sid), reason="e-mail change", by=by)


def delete_self(user: User, current: str, *, by: Actor) -> None:
    """Delete a user who asks for it; raises `WrongPassword` or `TooManyFailures`.

    Orders keep their own copy of the name.
    """
    check_password(user, current)
    remove(user, by=by)


@transaction.atomic
def remove(user: User, *, by: Actor) -> None:
    """Delete who has the password that was checked."""
    if not User.objects.select_for_update().filter(pk=user.pk, password=user.password).first():
        raise WrongPassword

    access.remove_user(user, by=by)


def check_password(user: User, password: str) -> None:
    """Raise `WrongPassword` unless it is the user's, or `TooManyFailures` where it was guessed at.

    Outside of any transaction: a hash takes long, and nobody else should wait for it.
    """
    limits = throttling.limits_within(user.sub)
    wait = throttling.count(limits)
    if not user.check_password(password):
        Event.objects.record(user, "password refused", by=Named(user.sub), seconds=wait)
        raise WrongPassword

    throttling.forgive(limits)
