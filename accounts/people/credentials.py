"""What a person logs in with, an e-mail address and a password: checked, changed, reset."""

from datetime import datetime
from typing import Any

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.login import sessions, throttling
from accounts.login.sessions import Caller
from accounts.models import Consent, Event, Mail, Session, User
from database import clock
from wire import text
from wire.events import SYSTEM, Named


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
        return field.clean(email, None)
    except ValidationError as error:
        raise InvalidField({"email": error.messages}) from error


def check_strength(password: str, user: User, *, field: str) -> None:
    """Raise `InvalidField` for a password that is too short or too common for a user."""
    try:
        validate_password(text.password(password), user)
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
    store_password(user, make_password(new_password), "password changed", reason="password change", by=by)


def reset_password(user: User, new_password: str) -> None:
    """Set the password of a user who proved to read their mail, which confirms the address, and end every session.

    Raises `InvalidField` for a poor password, `WrongPassword` if another was set meanwhile.
    """
    check_strength(new_password, user, field="new_password")
    encoded, proven = make_password(new_password), {"email_verified_at": user.email_verified_at or clock.now()}
    with transaction.atomic():
        store_password(user, encoded, "password reset", reason="password reset", by=SYSTEM, **proven)
        if not user.email_verified_at:
            # A stranger may have registered the address, and let apps in.
            Consent.objects.filter(user=user).delete()


@transaction.atomic
def store_password(user: User, encoded: str, what: str, *, reason: str, by: Caller, **proven: datetime) -> None:
    """Store another password and what it took, record `what`, tell the user, and end every session but the caller's.

    A pending address is dropped, since whoever knew the former password may have asked for it. Of two changes at once
    one comes too late, since the password or the address is another by then: it raises `WrongPassword`.
    """
    unchanged = User.objects.filter(pk=user.pk, password=user.password, email=user.email)
    if not unchanged.update(password=encoded, pending_email="", **proven):
        raise WrongPassword

    is_first = not user.has_usable_password()
    user.password, user.pending_email = encoded, ""
    Session.objects.of_user(user.sub).filter(pk__in=[by.sid] if by.sid else []).update(password_mark=user.password_mark)
    Event.objects.record(user, what, by=by)
    sessions.end(Session.objects.of_user(user.sub, but=by.sid), reason=reason, by=by)
    Mail.objects.write("password changed", user.email, is_first=is_first)
