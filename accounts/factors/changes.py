"""What every change of somebody's factors brings: one at a time, noted at the user, recorded, and mailed."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Replace

from accounts.factors.freshness import check_recent
from accounts.login import sessions, throttling
from accounts.login.sessions import Caller, TokenPair
from accounts.models import Event, Mail, Passkey, RecoveryCode, Session, Totp, User
from wire.events import Actor


@contextmanager
def changing(user: User, what: str, *, by: Caller, said: str) -> Iterator[None]:
    """Around a change of a user's factors: record `what`, and tell the user by mail what is `said`.

    Recovery codes stand for another factor, so they go with the last one. Raises `NotRecent` unless it is staff, or the
    user proved a moment ago who they are: of two changes at once, the second is asked for what the first one added.
    Raises `TooManyFailures` where the user does it again and again.
    """
    with transaction.atomic():
        locked = User.objects.select_for_update(no_key=True).filter(pk=user.pk).first()
        user.has_second_factor = bool(locked and locked.has_second_factor)
        if by.sub == user.sub:
            check_recent(user, by=by)
            throttling.count_attempt(throttling.factor_change_limits(user.sub))
        yield
        user.has_second_factor = Totp.objects.filter(user=user).exists() or Passkey.objects.filter(user=user).exists()
        User.objects.filter(pk=user.pk).update(has_second_factor=user.has_second_factor)
        if not user.has_second_factor:
            RecoveryCode.objects.filter(user=user).delete()
            forget_proof(user)
        report(user, what, by=by, said=said)


def forget_proof(user: User) -> None:
    """Have nothing go on that two factors opened, of which one is gone: the sessions do, by one factor."""
    sessions.revoke_access_tokens(Session.objects.of_user(user.sub).exclude(second_factor_at=None))
    Session.objects.of_user(user.sub).update(second_factor_at=None, amr=Replace("amr", Value(" mfa")))


def report(user: User, what: str, *, by: Actor, said: str) -> None:
    """Record what became of a user's factors, and tell them by mail."""
    Event.objects.record(user, what, by=by)
    Mail.objects.write("second factors", user.email, said=said)


def count_as_proven(amr: str, *, by: Caller) -> TokenPair:
    """Have the session of who adds a factor count as proven by it, too: it was used to add it. The tokens say so."""
    before = Session.objects.filter(pk=by.sid).values_list("amr", flat=True).first() or ""
    methods = dict.fromkeys(f"{before} {amr} mfa".split())
    return sessions.step_up(by.sid, " ".join(methods), by=by)
