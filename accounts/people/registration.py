"""Becoming a user."""

from django.db import IntegrityError, transaction

from accounts.login import throttling
from accounts.models import Event, User
from accounts.people import email_addresses
from accounts.people.credentials import EmailTaken, check_strength, clean_email
from wire.events import Named


def register(email: str, password: str, name: str, *, address: str | None = None) -> User:
    """A new customer; raises `EmailTaken`, `InvalidField` for a poor password, or `TooManyFailures` where
    many registered from one network."""
    user = User(email=clean_email(email), name=name)
    check_strength(password, user, field="password")
    if address:
        throttling.count_attempt(throttling.registration_limits(address))
    user.set_password(password)
    try:
        return store_user(user)
    except IntegrityError as error:
        raise EmailTaken from error


@transaction.atomic
def store_user(user: User) -> User:
    """Store a new customer, and have the link mailed by which the address is confirmed."""
    User.objects.add_customer(user)
    Event.objects.record(user, "registered", by=Named(user.sub))
    email_addresses.mail_link(user)
    return user
