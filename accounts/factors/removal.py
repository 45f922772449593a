"""Staff take away the factors of somebody who lost them."""

from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.factors.changes import changing
from accounts.login import sessions
from accounts.login.sessions import Caller
from accounts.models import Passkey, Session, Totp, User
from accounts.people import access


class OwnFactors(ValidationError):
    """One's own are removed on the account page, which asks for them."""

    def __init__(self) -> None:
        super().__init__("Remove your own second factors on your account page, or ask another admin to do it.")


@transaction.atomic
def remove_all(users: Iterable[User], *, by: Caller) -> int:
    """Take all second factors of some users away and end their sessions, all or none; of how many that was.

    Raises `NotHeld` if one of them holds more than `by`, or `OwnFactors`.
    """
    users = list(users)
    if by.sub in [user.sub for user in users]:
        raise OwnFactors

    locked = access.lock_users(User.objects.filter(pk__in=[user.pk for user in users]))
    with_factors = User.objects.filter(pk__in=locked, has_second_factor=True).order_by("pk")
    for user in with_factors:
        access.check_holds(by, access.read_scopes(user))
        with changing(user, "second factors removed", by=by, said="Staff removed the second factors of your account"):
            Totp.objects.filter(user=user).delete()
            Passkey.objects.filter(user=user).delete()
        sessions.end(Session.objects.filter(user=user), reason="staff", by=by)
    return len(with_factors)
