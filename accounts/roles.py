"""What happens to tokens when what a user may do becomes less."""

from django.db import transaction

from accounts import sessions, statuses
from accounts.models import Event, Role, Session, User, granted
from wire.events import Actor


def scopes_of(user: User) -> set[str]:
    """The scopes that a user's roles carry, as the database says now."""
    return set(granted(Role.objects.filter(users=user)))


@transaction.atomic
def apply_user_change(user: User, *, before: set[str], changed: list[str], by: Actor) -> None:
    """After a user was edited: end what a disabled user or an old password opened, and let no
    token say more than the user may now do."""
    living = Session.objects.filter(user=user)
    if "new_password" in changed or not user.is_active:
        sessions.end(living, reason="staff", by=by)
        return

    if before - scopes_of(user):
        statuses.revoke(living.alive())
        Event.objects.record(user, "scopes reduced", by=by, lost=sorted(before - scopes_of(user)))


@transaction.atomic
def revoke_role(role: Role, *, by: Actor) -> None:
    """After a role lost a scope: revoke its users' access tokens in one UPDATE.

    Their sessions go on; the next refresh brings a token with the smaller scope.
    """
    statuses.revoke(Session.objects.alive().filter(user__roles=role))
    Event.objects.record(role, "role reduced", by=by, scopes=role.scopes)


@transaction.atomic
def remove_user(user: User, *, by: Actor) -> None:
    """Delete a user for good; every token of his dies first, and the status entries stay."""
    sessions.end(Session.objects.filter(user=user), reason="deleted", by=by)
    Event.objects.record(user, "user deleted", by=by)
    user.delete()
