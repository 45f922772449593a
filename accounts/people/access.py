"""What happens to sessions and tokens when a user may do less than before."""

from django.db import transaction
from django.db.models import QuerySet

from accounts.login import sessions
from accounts.models import Event, Role, Session, User, combined_scopes
from wire.events import Actor


def read_scopes(user: User) -> set[str]:
    """The scopes that a user's roles carry, as the database has them now."""
    return set(combined_scopes(Role.objects.filter(users=user)))


@transaction.atomic
def apply_user_change(user: User, *, before: set[str], changed: list[str], by: Actor) -> None:
    """After staff edited a user: end the sessions of a disabled user, an old password or an old address,
    and let no token carry more than the user may now do."""
    lock_users(User.objects.filter(pk=user.pk))
    own = Session.objects.filter(user=user)
    if "roles" in changed:
        names = sorted(user.roles.values_list("name", flat=True))
        Event.objects.record(user, "roles changed", by=by, roles=names)
    if {"new_password", "email"} & set(changed) or not user.is_active:
        sessions.end(own, reason="staff" if user.is_active else "disabled", by=by)
        return

    lost = before - read_scopes(user)
    if lost:
        sessions.revoke_access_tokens(own)
        Event.objects.record(user, "scopes reduced", by=by, lost=sorted(lost))


@transaction.atomic
def disable(user: User, *, by: Actor) -> bool:
    """Shut a user out at once; whether they were not already."""
    if not User.objects.filter(pk=user.pk, is_active=True).update(is_active=False):
        return False

    Event.objects.record(user, "user disabled", by=by)
    sessions.end(Session.objects.filter(user=user), reason="disabled", by=by)
    return True


@transaction.atomic
def revoke_role_tokens(role: Role, *, by: Actor) -> None:
    """After a role lost a scope: revoke its users' access tokens; the sessions go on, with a smaller scope."""
    lock_users(User.objects.filter(roles=role))
    sessions.revoke_access_tokens(Session.objects.filter(user__roles=role))
    Event.objects.record(role, "role reduced", by=by, scopes=role.scopes)


def lock_users(users: "QuerySet[User]") -> None:
    """Let no log-in of some users go on until the transaction ends, and see those that came before.

    Whoever locks users and sessions locks users first.
    """
    list(users.select_for_update(of=("self",), no_key=True).order_by("pk").values_list("pk"))
