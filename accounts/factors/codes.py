"""A code that stands for a second factor: of the app, or a recovery code."""

from datetime import timedelta

from django.db import transaction

from accounts.factors import recovery_codes, totp
from accounts.factors.challenges import FactorRefused
from accounts.login import throttling
from accounts.models import Event, Mail, User
from database import clock
from wire import text
from wire.events import Named

GUESSED = "codes guessed"


def verify_code(user: User, code: str, *, address: str | None = None) -> str:
    """By what method (RFC 8176) a code proves that it is the user's; it is used by that.

    Raises `FactorRefused`, or `TooManyFailures` where codes of this user were guessed at.
    """
    plain = text.order_number(code)
    limits = throttling.factor_limits(user.sub, address)
    is_right, wait = throttling.try_password(limits, lambda: use_code(user, plain) or None)
    if is_right:
        return totp.AMR

    record_refusal(user, address, wait=wait)
    raise FactorRefused("That code is wrong, or was used before.")


@transaction.atomic
def record_refusal(user: User, address: str | None, *, wait: int) -> None:
    """Record a wrong code, and tell its owner once an hour where they are guessed: somebody knows the password."""
    known = throttling.read_address(address)
    Event.objects.record(user, "code refused", by=Named(user.sub), seconds=wait, address=known)
    since = clock.now() - timedelta(hours=1)
    if wait and not Mail.objects.filter(to=user.email, kind=GUESSED, written_at__gt=since).exists():
        Mail.objects.write(GUESSED, user.email)


def use_code(user: User, plain: str) -> bool:
    return totp.use_code(user, plain) if len(plain) == 6 else recovery_codes.use_code(user, plain)
