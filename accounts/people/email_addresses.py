"""The address that a person is reached at: confirmed by a mailed link, and changed once the new one is."""

from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from accounts.login import sessions, throttling
from accounts.login.sessions import Caller
from accounts.models import Event, Mail, Session, User
from accounts.people.credentials import EmailTaken, InvalidField, WrongPassword, check_current, clean_email
from accounts.people.links import LONGEST, email_tokens
from database import batch_delete, clock
from wire.events import Actor


class LinkRefused(InvalidField):
    """The link has expired, was used, or is for what has changed since."""

    def __init__(self) -> None:
        super().__init__({"token": "This link does not work. It has expired, or it was used before."})


class OfAnother(Exception):
    """An address is confirmed in a session of the account that has it: whoever reads the mail also knows the password.

    The owner of an address that a stranger registered would confirm the stranger's account otherwise, and whoever a
    mistyped address belongs to could take an account over.
    """


class Unconfirmed(Exception):
    """A way in is added once the address is confirmed: a stranger who registered it would keep one otherwise, when its
    owner resets the password."""

    scope = ""

    def __init__(self) -> None:
        super().__init__("Confirm your e-mail address first: a link was mailed to you.")


def check_confirmed(user: User) -> None:
    """Raise `Unconfirmed` unless a user's address is confirmed."""
    if not user.email_verified_at:
        raise Unconfirmed


def address_to_confirm(user: User) -> str:
    """Where the next link goes to; empty where nothing is to be confirmed."""
    return user.pending_email or ("" if user.email_verified_at else user.email)


def mail_link(user: User) -> bool:
    """Have the link written that confirms an address of a user; whether it is."""
    to = address_to_confirm(user)
    return bool(to) and Mail.objects.write("address confirmation", to, lifetime=LONGEST, sub=user.sub)


def is_mailed(user: User) -> bool:
    """Whether a link was mailed that may still work. People who registered before addresses were confirmed got none."""
    since = clock.now() - LONGEST
    written = Mail.objects.filter(to=address_to_confirm(user), kind="address confirmation", written_at__gt=since)
    return bool(written.exists())


@transaction.atomic
def send_again(user: User) -> bool:
    """Mail the link once more, if there is something to confirm; raises `TooManyFailures`."""
    if not address_to_confirm(user):
        return False

    throttling.count_attempt(throttling.confirmation_limits(user.sub))
    return mail_link(user)


def change_email(user: User, *, current_password: str, email: str, by: Caller) -> None:
    """Have another address confirmed, which is a user's from then on.

    Raises `WrongPassword`, `TooManyFailures`, `EmailTaken`, or `InvalidField` for what is no address or no other.
    """
    email = clean_email(email)
    check_current(user, current_password)
    if email == user.email:
        raise InvalidField({"email": "That is your address already."})
    # Counted before it is said which addresses are taken.
    throttling.count_attempt(throttling.confirmation_limits(user.sub))
    if User.objects.filter(email=email).exists():
        raise EmailTaken

    set_pending(user, email, by=by)


@transaction.atomic
def set_pending(user: User, email: str, *, by: Caller) -> None:
    """Mail a link to another address and tell the one in force; empty takes a change back.

    Raises `WrongPassword` where the password was changed a moment ago.
    """
    if email == user.pending_email == "":
        return
    if not User.objects.filter(pk=user.pk, password=user.password).update(pending_email=email):
        raise WrongPassword

    user.pending_email = email
    Event.objects.record(user, "e-mail change asked for" if email else "e-mail change taken back", by=by)
    if email:
        mail_link(user)
        Mail.objects.write("address change", user.email)


def confirm(user: User, token: str, *, by: Caller) -> None:
    """Put the address in force to which a link was mailed; after a change every session but the caller's ends.

    Raises `LinkRefused`, `OfAnother`, or `EmailTaken` where somebody else has it by now.
    """
    if not user.may_log_in or not email_tokens.check_token(user, token):
        raise LinkRefused
    if by.sub != user.sub:
        raise OfAnother

    try:
        store_confirmed(user, by=by)
    except IntegrityError as error:
        raise EmailTaken from error


@transaction.atomic
def store_confirmed(user: User, *, by: Caller) -> None:
    """Store that the pending address, or the one there is, is a user's; raises `LinkRefused` if that was done."""
    before, email, now = user.email, user.pending_email or user.email, clock.now()
    state = {name: getattr(user, name) for name in ("email", "pending_email", "email_verified_at", "password")}
    found = User.objects.filter(pk=user.pk, is_active=True, **state)
    if not found.update(email=email, pending_email="", email_verified_at=now):
        raise LinkRefused

    user.email, user.pending_email, user.email_verified_at = email, "", now
    if email == before:
        Event.objects.record(user, "e-mail confirmed", by=by)
        return

    Event.objects.record(user, "e-mail changed", by=by, before=before)
    sessions.end(Session.objects.of_user(user.sub, but=by.sid), reason="e-mail change", by=by)
    # In one order, since each waits for its turn at an address.
    for address in sorted((before, email)):
        Mail.objects.write("address changed", address)


def take_for_confirmed(users: QuerySet[User], *, by: Actor) -> int:
    """Take the addresses of some users for confirmed, in batches; how many were not."""
    unconfirmed = users.filter(email_verified_at=None).order_by("pk").values_list("pk", flat=True)
    return sum(take_batch(batch, by=by) for batch in batch_delete.batches(list(unconfirmed)))


@transaction.atomic
def take_batch(keys: list[UUID], *, by: Actor) -> int:
    """As `take_for_confirmed`, of a batch; who confirms an address at the same time does it themselves."""
    locked = User.objects.filter(pk__in=keys, email_verified_at=None).select_for_update(no_key=True).order_by("pk")
    users = list(locked)
    User.objects.filter(pk__in=[user.pk for user in users]).update(email_verified_at=clock.now())
    Event.objects.bulk_create(Event.objects.draft(user, "e-mail confirmed", by=by) for user in users)
    return len(users)
