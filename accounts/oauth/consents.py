"""What people let apps do: asked once, remembered, ended on the account page."""

from django.db import transaction
from django.db.models import QuerySet

from accounts.login import sessions
from accounts.models import AuthorizationCode, Client, Consent, Event, Session, User
from accounts.models.redirects import is_private
from accounts.oauth.app_scopes import Access
from accounts.people import access
from database import clock
from wire.events import Actor


def is_needed(user: User, app: Client, wanted: Access, *, redirect_uri: str) -> bool:
    """Whether a person has to be asked.

    Not for the shop's own apps, nor for what was allowed before. An app that has no secret, at an address that another
    app on the device may answer at, could be anyone: of it the person is asked each time (RFC 8252 8.6).
    """
    if app.is_public and not is_private(redirect_uri):
        return True
    if app.is_first_party:
        return False

    found = Consent.objects.filter(user=user, client=app).first()
    return not found or not {*wanted.scopes} <= {*found.scopes}


def is_given(user: User, app: Client) -> bool:
    return Consent.objects.filter(user=user, client=app).exists()


@transaction.atomic
def remember(user: User, app: Client, wanted: Access, *, by: Actor) -> None:
    """Note that an app may do so much for a person, beside what it might before."""
    consent, _ = Consent.objects.select_for_update().get_or_create(user=user, client=app)
    added = sorted({*wanted.scopes} - {*consent.scopes})
    Consent.objects.filter(pk=consent.pk).update(scopes=sorted({*consent.scopes, *added}), used_at=clock.now())
    if added:
        Event.objects.record(user, "app allowed", by=by, app=app.pk, scopes=added)


def of_user(sub: str) -> "QuerySet[Consent]":
    return Consent.objects.filter(user__pk=sub).select_related("client")


@transaction.atomic
def end_app(sub: str, client_id: str, *, by: Actor) -> bool:
    """End what a person let an app do, and its sessions; whether there was anything to end."""
    # Locked: a code that is being exchanged has opened its session by now, or finds no consent.
    access.lock_users(User.objects.filter(pk=sub))
    found, _ = Consent.objects.filter(user__pk=sub, client=client_id).delete()
    AuthorizationCode.objects.filter(given_in__user__pk=sub, client=client_id).void()
    ended = sessions.end(Session.objects.of_user(sub).filter(client_id=client_id), reason="app ended", by=by)
    if found:
        Event.objects.record(User(pk=sub), "app ended", by=by, app=client_id)
    return bool(found or ended)
