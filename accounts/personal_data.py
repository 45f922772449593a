"""What accounts holds of a person, and forgets of one who is to be erased."""

from collections.abc import Iterable, Iterator

from django.db import transaction
from django.db.models import Model, Q

from accounts.models import Consent, Event, Mail, Passkey, RecoveryCode, Role, Session, Totp, User
from accounts.people import deletion, erasure
from accounts.people.access import LastManager
from wire.events import Named
from wire.retention.personal_data import CannotErase, Row

SECRET = {"password", "password_mark"}
"""Columns that nobody is handed, not even whose they are."""
PASSKEY_FIELDS = ("credential_id", "name", "sign_count", "created_at", "used_at")


def find(email: str) -> set[str]:
    """The `sub` of whoever logs in with an e-mail address, and of who did as the account was deleted, until that is
    forgotten."""
    deleted = erasure.deleted_under(email)
    try:
        return {*deleted, User.objects.get_by_natural_key(email).sub}
    except User.DoesNotExist:
        return deleted


def export(sub: str) -> dict[str, Iterable[Row]]:
    """The rows of a person, table by table."""
    account, addresses = erasure.account_of(sub), erasure.known_addresses(sub)
    sessions = Session.objects.filter(user__in=account).order_by("created_at")
    return {
        "account": account.values(*columns(User)),
        "roles": Role.objects.filter(users__in=account).values("name", "scopes"),
        "sessions": sessions.values(*columns(Session)),
        "authenticator app": Totp.objects.filter(user__in=account).values("created_at"),
        "passkeys": Passkey.objects.filter(user__in=account).values(*PASSKEY_FIELDS),
        "recovery codes": RecoveryCode.objects.filter(user__in=account).order_by("number").values("number"),
        "apps": Consent.objects.filter(user__in=account).order_by("pk").values(),
        "mails": Mail.objects.filter(Q(to__in=addresses) | Q(facts__sub=sub)).order_by("written_at").values(),
        "events": list_events(sub),
    }


def columns(model: type[Model]) -> list[str]:
    return [column.attname for column in model._meta.concrete_fields if column.name not in SECRET]


def list_events(sub: str) -> Iterator[Row]:
    """What happened to somebody and what they did, without what it tells of others."""
    for row in erasure.about(sub).order_by("pk").values():
        event, is_own = Event(**row), row["sub"] == sub
        # A session that staff deleted has a name, which is that of its owner.
        if (event.kind, event.subject) != ("user", sub) and not (event.kind == "session" and "name" not in event.facts):
            event.forget()
        yield {**row, "facts": event.facts, "subject": event.subject, "sub": sub if is_own else ""}


def erase(sub: str) -> Iterator[str]:
    """Delete the account and what tells of its owner; what was done, in words. Raises `CannotErase`."""
    try:
        yield "the account is deleted" if delete(sub) else "there is no account, or none any more"
    except LastManager as error:
        raise CannotErase(error.messages[0]) from error

    events, mails = erasure.forget_person(sub)
    yield f"{events:,} events say no more of them than their id, {mails:,} mails deleted"


@transaction.atomic
def delete(sub: str) -> bool:
    user = erasure.account_of(sub).select_for_update().first()
    if user:
        deletion.delete_user(user, by=Named("erase_person"))
    return user is not None
