"""Factors are changed by whoever proved who they are a moment ago, with the strongest factor they have."""

from datetime import timedelta

from accounts.login.sessions import Caller
from accounts.models import Session, User
from database import clock

RECENT = timedelta(minutes=15)


class NotRecent(Exception):
    """It is too long ago that the person of a session proved who they are, or it was not by two factors."""

    max_age = int(RECENT.total_seconds())

    def __init__(self, user: User) -> None:
        super().__init__("Prove again who you are: this changes how you log in.")
        self.acr_values = "aal2" if user.has_second_factor else "aal1"


def check_recent(user: User, *, by: Caller) -> None:
    """Raise `NotRecent` unless the caller's session was proven within `RECENT`: by two factors, if they have two."""
    session = Session.objects.of_user(user.sub).alive().filter(pk__in=[by.sid] if by.sid else []).first()
    proven = session and (session.second_factor_at if user.has_second_factor else session.proven_at)
    if not proven or proven <= clock.now() - RECENT:
        raise NotRecent(user)


def check_strongest(user: User, *, by: Caller) -> None:
    """As `check_recent`, for what asks for the password anyway: nobody who has two factors does it by one."""
    if user.has_second_factor:
        check_recent(user, by=by)
