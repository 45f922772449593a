"""The cards of the account page, each of which leads to a page of its own."""

from collections.abc import Callable
from typing import NamedTuple

from accounts.models import Session, User
from accounts.oauth import consents
from database import bounded_counts

ACCOUNT = "/account/"


class Card(NamedTuple):
    """One of them: where it leads, and what it says about somebody."""

    path: str
    title: str
    describe: Callable[[User], str]
    is_danger: bool = False


def describe_email(user: User) -> str:
    if user.pending_email:
        return f"{user.email}, and {user.pending_email} once you have confirmed it"

    return user.email if user.email_verified_at else f"{user.email}, not confirmed yet"


def describe_sessions(user: User) -> str:
    living = Session.objects.of_user(user.sub).of_browsers().alive().unexpired()
    number = bounded_counts.count(living, most=100)
    return "1 session" if number == 1 else f"{number} sessions{' or more' if number == 100 else ''}"


def describe_factors(user: User) -> str:
    return "Your password is not enough to log in" if user.has_second_factor else "None: your password is enough"


def describe_apps(user: User) -> str:
    number = bounded_counts.count(consents.of_user(user.sub), most=100)
    return "1 app" if number == 1 else f"{number} apps{' or more' if number == 100 else ''}"


CARDS = [
    Card("name/", "Name", lambda user: user.name or "Not given"),
    Card("email/", "E-mail address", describe_email),
    Card("password/", "Password", lambda _: "Change it here"),
    Card("factors/", "Second factors", describe_factors),
    Card("sessions/", "Where you are logged in", describe_sessions),
    Card("apps/", "Apps", describe_apps),
    Card("rights/", "What you can do", lambda _: "What your account is good for in this shop"),
    Card("delete/", "Delete your account", lambda _: "This cannot be undone", is_danger=True),
]
"""In the order in which they are shown: danger comes last."""
