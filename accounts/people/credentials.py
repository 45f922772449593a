"""What a person logs in with, an e-mail address and a password: checked, changed, reset."""

from typing import Any, Protocol

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.login import sessions, throttling
from accounts.models import Event, Session, User, fold_email
from wire.events import SYSTEM, Actor, Named


class Caller(Actor, Protocol):
    """A user in a session of theirs, which goes on; `sid` is empty outside of any session."""

    @property
    def sid(self) -> str: ...


class InvalidField(ValidationError):
    """A value that cannot be taken, by the field that it came in."""

    @property
    def errors(self) -> dict[str, list[str]]:
        return self.message_dict


class WrongPassword(InvalidField):
    """The current password is not the one given, or no longer."""

    def __init__(self) -> None:
        super().__init__({"current_password": "That is not your password."})


class EmailTaken(InvalidField):
    """Somebody has registered with that e-mail address."""

    def __init__(self) -> None:
        super().__init__({"email": "That e-mail address is taken."})


def clean_email(email: str) -> str:
    """An address as it is stored; raises `InvalidField` for one that cannot be."""
    field: Any = User._meta.get_field("email")
    try:
        return field.clean(fold_email(email), None)
    except ValidationError as error:
        raise InvalidField({"email": error.messages}) from error


def check_strength(password: str, user: User, *, field: str) -> None:
    """Raise `InvalidField` for a password that is too short or too common for a user."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidField({field: error.messages}) from error


def check_current(user: User, password: str) -> None:
    """Raise `WrongPassword` unless it is the user's, or `TooManyFailures` where it was guessed at."""
    # Outside of any transaction: a hash takes long, and nobody else should wait for it.
    limits = throttling.password_limits(user.sub)
    verified, wait = throttling.try_password(limits, lambda: user.check_password(password) or None)
    if not verified:
        Event.objects.record(user, "password refused", by=Named(user.sub), seconds=wait)
        raise WrongPassword


def change_password(user: User, *, current_password: str, new_password: str, by: Caller) -> None:
    """Set a new password and end every session but the caller's.

    Raises `WrongPassword`, `TooManyFailures`, or `InvalidField` for a poor new password.
    """
    check_current(user, current_password)
    check_strength(new_password, user, field="new_password")
    store_credentials(user, "password changed", reason="password change", by=by, password=make_password(new_password))


def reset_password(user: User, new_password: str) -> None:
    """Set the password of a user who proved to read their mail, and end every session.

    Raises `InvalidField` for a poor password, `WrongPassword` if another was set meanwhile.
    """
    check_strength(new_password, user, field="new_password")
    store_credentials(user, "password reset", reason="password reset", by=SYSTEM, password=make_password(new_password))


def change_email(user: User, *, current_password: str, email: str, by: Caller) -> None:
    """Give a user another address to log in with, and end every session but the caller's.

    Raises `WrongPassword`, `TooManyFailures`, `EmailTaken`, or `InvalidField` for what is no address.
    """
    email = clean_email(email)
    check_current(user, current_password)
    try:
        store_credentials(user, "e-mail changed", reason="e-mail change", by=by, email=email)
    except IntegrityError as error:
        raise EmailTaken from error


@transaction.atomic
def store_credentials(user: User, what: str, *, reason: str, by: Caller, **changes: str) -> None:
    """Store what a user logs in with from now on, record `what`, and end every session but the caller's.

    Of two changes at once one comes too late, since the password is another by then: it raises `WrongPassword`.
    """
    if not User.objects.filter(pk=user.pk, password=user.password).update(**changes):
        raise WrongPassword

    facts = {"before": user.email} if "email" in changes else {}
    user.email = changes.get("email", user.email)
    Event.objects.record(user, what, by=by, **facts)
    sessions.end(Session.objects.of_user(user.sub, but=by.sid), reason=reason, by=by)
