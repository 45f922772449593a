"""What is left of somebody whose account is deleted, and goes as well: addresses in events and mails."""

from typing import Any

from django.db.models import Q, QuerySet

from accounts.models import Event, Mail, User
from wire import text
from wire.events import changing
from wire.mail.table import State
from wire.retention.forgetting import forget

UNKNOWN = ("log-in failed", "log-in locked")
"""The events that name somebody by the e-mail address that was typed, and by nothing else."""


def account_of(sub: str) -> "QuerySet[User]":
    """The account of somebody, if there is one."""
    key = text.read_id(sub)
    return User.objects.filter(pk=key) if key else User.objects.none()


def about(sub: str) -> "QuerySet[Any]":
    """The events of a person: what happened to the account, and what they did."""
    return Event.objects.filter(Q(kind="user", subject=sub) | Q(sub=sub))


def known_addresses(sub: str) -> set[str]:
    """The e-mail addresses by which somebody is, and by events was, known."""
    own = account_of(sub).values_list("email", flat=True)
    facts = about(sub).filter(kind="user", subject=sub).values_list("facts", flat=True)
    told = {each.get(name) for each in facts for name in ("before", "after", "email")}
    return {address for address in {*own, *told} if isinstance(address, str) and address}


def deletions() -> "QuerySet[Any]":
    """The events that somebody was deleted of whom something may be left: after that they have no address any more."""
    return Event.objects.filter(what="user deleted", facts__has_key="email")


def deleted_under(email: str) -> set[str]:
    """Those who were deleted, with that e-mail address, and of whom something may be left."""
    return {*deletions().filter(facts__email=text.email(email)).values_list("subject", flat=True)}


def forget_deleted() -> int:
    """Have events and mails forget those who were deleted; of how many people there was something left."""
    subs = [event.subject for event in deletions().order_by("at")]
    for sub in subs:
        forget_person(sub)
    return len(subs)


def forget_person(sub: str) -> tuple[int, int]:
    """Have the events about somebody forget, and delete mails to them; how many of each. Safe to repeat.

    What staff did stays told of those to whom they did it. The account itself is not touched. A mail that waits to be
    sent, such as that the account is deleted, keeps the address in one event until `forget_deleted` comes again.
    """
    addresses = known_addresses(sub)
    mails = Mail.objects.filter(Q(to__in=addresses) | Q(facts__sub=sub))
    deleted, _ = mails.exclude(state=State.WAITING).delete()
    events, own = changing(Event), Q(kind="user", subject=sub) | Q(kind="session", sub=sub)
    count = forget(events.filter(what__in=UNKNOWN, facts__email__in=addresses))
    # Last, since it is they that tell the addresses to whoever has to begin anew.
    count += forget(events.filter(own).exclude(what="user deleted"))
    if not mails.waiting().exists():
        count += forget(events.filter(own))
    return count, deleted
