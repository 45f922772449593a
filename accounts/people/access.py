"""Who may give and take rights, and what happens to sessions and tokens when somebody may do less than before.

Nobody gives what they do not hold, nor touches who holds more; the roles that code relies on stay, and so does
somebody who may manage accounts.
"""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from accounts.issuing.keys import oldest_alive
from accounts.issuing.revoked_entries import close_role_revocations
from accounts.login import sessions
from accounts.models import Event, Mail, Role, Session, User, combined_scopes
from accounts.people import email_addresses
from accounts.people.credentials import EmailTaken
from accounts.people.links import LONGEST, RESET
from database import batch_delete, clock
from database.locks import lock_name
from tokens.registry import ROLES, services
from tokens.scopes import SCOPES
from tokens.verification import is_person
from wire.events import Actor

MANAGE = "accounts:manage"
MANY = 1_000
"""People with a role up to whom their entries are revoked one by one."""
MACHINE_SCOPES = {
    name: service.staff or MANAGE
    for service in services().values()
    for name, scope in service.scopes.items()
    if not scope.people
}
"""The scopes that no role carries; each is given by who holds the scope of its service's staff."""


class NotHeld(ValidationError):
    """Somebody gives, takes or touches what goes beyond their own rights."""

    def __init__(self, scopes: Iterable[str]) -> None:
        super().__init__(f"This takes rights that you do not have yourself: {', '.join(sorted(scopes))}.")


class LastManager(ValidationError):
    """Nobody would be left who may manage accounts."""

    def __init__(self) -> None:
        super().__init__("Nobody would be left who may manage accounts. Give somebody else the role admin first.")


class OwnAddress(ValidationError):
    """One's own address takes the password, and a link that is mailed to the new one."""

    def __init__(self) -> None:
        super().__init__("Change your own e-mail address on your account page, where your password is asked for.")


class BuiltInRole(ValidationError):
    """A role that code relies on keeps its name, and `admin` the right to manage accounts."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The role {name} is built in: it keeps its name, and admin keeps {MANAGE}.")


def held_scopes(by: Actor) -> set[str]:
    """What an actor may give: what the roles of a person carry now, and their token, if they come with one; a command
    may give everything."""
    if not is_person(by.sub):
        return {*SCOPES}

    carried = combined_scopes(Role.objects.filter(users__pk=by.sub, users__is_active=True))
    held = {*filter(getattr(by, "could", SCOPES.__contains__), carried)}
    return held | {scope for scope, staff in MACHINE_SCOPES.items() if staff in held}


def check_holds(by: Actor, scopes: Iterable[str]) -> None:
    """Raise `NotHeld` unless an actor may manage accounts and holds all of `scopes`."""
    if missing := {MANAGE, *scopes} - held_scopes(by):
        raise NotHeld(missing)


@contextmanager
def keep_manager() -> Iterator[None]:
    """Raise `LastManager` if what is done inside takes the last one who may manage accounts.

    Of two that do so at once, the second waits, and sees what the first one did. Rows are locked before, never inside.
    """
    lock_name("accounts: who may manage them")
    had_manager = has_manager()
    yield
    if had_manager and not has_manager():
        raise LastManager


def has_manager() -> bool:
    """Whether somebody who can log in may manage accounts."""
    roles = [role.pk for role in Role.objects.all() if MANAGE in role.scopes]
    managers = User.objects.filter(is_active=True, roles__in=roles).order_by()[:100]
    return any(user.may_log_in and user.has_usable_password() for user in managers)


def read_scopes(user: User) -> set[str]:
    """The scopes that a user's roles carry, as the database has them now."""
    return set(combined_scopes(Role.objects.filter(users=user)))


@transaction.atomic
def create_user(user: User, roles: Collection[Role], *, by: Actor) -> bool:
    """Store a new user with roles, and mail a link by which they choose a password, unless the address had many.

    Raises `NotHeld`, or `EmailTaken`.
    """
    check_holds(by, combined_scopes(roles))
    user.set_unusable_password()
    store_user(user, None)
    set_roles(user, roles, by=by)
    return mail_password_link(user, by=by)


def mail_password_link(user: User, *, by: Actor) -> bool:
    """Have a link written by which a user chooses a password; false where they had many in this hour."""
    is_first = not user.has_usable_password()
    written = Mail.objects.write("invitation", user.email, lifetime=LONGEST if is_first else RESET)
    if written:
        Event.objects.record(user, "password link sent", by=by)
    return written


@transaction.atomic
def send_password_links(users: "QuerySet[User]", *, by: Actor) -> int:
    """Mail links by which active users choose a password, all or none; how many. Raises `NotHeld`."""
    active = lock_users(users.filter(is_active=True))
    check_holds(by, combined_scopes(Role.objects.filter(users__in=active)))
    return sum(mail_password_link(user, by=by) for user in User.objects.filter(pk__in=active))


@transaction.atomic
def change_user(user: User, changed: Collection[str], *, roles: Collection[Role] | None = None, by: Actor) -> None:
    """Store the columns that staff changed in a user, and the roles if there are any to be set.

    Sessions of a disabled user or an old address end; no token carries more than the user may now do. Raises
    `NotHeld`, `LastManager`, `OwnAddress` or `EmailTaken`.
    """
    if "email" in changed and by.sub == user.sub:
        raise OwnAddress

    lock_users(User.objects.filter(pk=user.pk))
    before, address = read_scopes(user), User.objects.values_list("email", flat=True).get(pk=user.pk)
    with keep_manager():
        check_holds(by, before.union(combined_scopes(roles or ())))
        store_user(user, [*changed, *(unconfirm(user) if "email" in changed else [])])
        if roles is not None:
            set_roles(user, roles, by=by)
    if "email" in changed:
        tell_address(user, before=address, by=by)
    apply_user_change(user, before=before, changed=changed, by=by)


def unconfirm(user: User) -> list[str]:
    """Make nothing of what was known of a user's address; the columns of that."""
    user.email_verified_at, user.pending_email = None, ""
    return ["email_verified_at", "pending_email"]


def tell_address(user: User, *, before: str, by: Actor) -> None:
    """After staff gave a user another address: tell the old one, and have the new one confirmed."""
    Mail.objects.write("address changed", before)
    if user.has_usable_password():
        email_addresses.mail_link(user)
    else:
        mail_password_link(user, by=by)


def apply_user_change(user: User, *, before: set[str], changed: Collection[str], by: Actor) -> None:
    """After staff edited a user, whom the caller has locked: end the sessions of a disabled user or an old address,
    and let no token carry more than the user may now do."""
    own = Session.objects.filter(user=user)
    if "email" in changed or not user.is_active:
        sessions.end(own, reason="staff" if user.is_active else "disabled", by=by)
        return

    lost = before - read_scopes(user)
    # Tokens that a role says are revoked are found by who has it.
    if lost or Role.objects.filter(revoked_at__gte=oldest_alive()).exists():
        sessions.revoke_access_tokens(own)
    if lost:
        Event.objects.record(user, "scopes reduced", by=by, lost=sorted(lost))


def store_user(user: User, changed: Collection[str] | None) -> None:
    """Write some columns of a user, None for a new one; raises `EmailTaken`."""
    try:
        with transaction.atomic():
            user.save(force_insert=changed is None, update_fields=changed)
    except IntegrityError as error:
        raise EmailTaken from error


def set_roles(user: User, roles: Collection[Role], *, by: Actor) -> None:
    user.roles.set(roles)
    Event.objects.record(user, "roles changed", by=by, roles=sorted(role.name for role in roles))


@transaction.atomic
def disable(users: "QuerySet[User]", *, by: Actor) -> int:
    """Shut users out at once, all or none; how many were not already. Raises `NotHeld` or `LastManager`."""
    active = lock_users(users.filter(is_active=True))
    with keep_manager():
        check_holds(by, combined_scopes(Role.objects.filter(users__in=active)))
        User.objects.filter(pk__in=active).update(is_active=False)
    for user in User.objects.filter(pk__in=active):
        Event.objects.record(user, "user disabled", by=by)
    sessions.end(Session.objects.filter(user__in=active), reason="disabled", by=by)
    return len(active)


def end_sessions(found: "QuerySet[Session]", *, by: Actor) -> int:
    """End sessions of others, all or none; how many went on. Raises `NotHeld`."""
    check_holds(by, combined_scopes(Role.objects.filter(users__sessions__in=found).distinct()))
    return sessions.end(found, reason="staff", by=by)


@transaction.atomic
def store_role(role: Role, *, by: Actor) -> None:
    """Store a new or changed role, and let no token say more than it now grants.

    Raises `BuiltInRole`, `NotHeld` or `LastManager`.
    """
    stored = Role.objects.select_for_update(no_key=True).filter(pk=role.pk).first()
    check_built_in(role, stored.name if stored else "")
    with reducing(stored, keep=role.scopes, by=by):
        check_holds(by, role.scopes)
        # Not when its tokens were revoked: that may have been since it was read.
        role.save(update_fields=["name", "scopes"] if stored else None)


@transaction.atomic
def delete_role(role: Role, *, by: Actor) -> None:
    """Delete a role, and let no token say what it granted; raises `BuiltInRole`, `NotHeld` or `LastManager`.

    One that many people have is left without a scope and a name, and is not shown any more: by it their tokens are
    known to be revoked. `clear_roles` deletes it when that is over.
    """
    if role.name in ROLES:
        raise BuiltInRole(role.name)

    Event.objects.record(role, "role deleted", by=by, name=role.name, scopes=role.scopes)
    stored = Role.objects.select_for_update(no_key=True).filter(pk=role.pk).first()
    if stored and has_many(stored):
        with reducing(stored, keep=[], by=by):
            gone = {"name": f"deleted role {role.pk}", "scopes": [], "deleted_at": clock.now()}
            Role.objects.filter(pk=role.pk).update(**gone)
        return

    with reducing(stored, keep=[], by=by, is_going=True):
        Role.objects.filter(pk=role.pk).delete()


def clear_roles() -> int:
    """Take the people out of roles that were deleted, once no token lives that was revoked with one; how many people.

    In batches, in which nobody who logs in is locked.
    """
    left, members = 0, User.roles.through.objects.all()
    for role in Role.objects.filter(deleted_at__lt=oldest_alive()):
        left += batch_delete.delete_among(members, members.filter(role=role))
        role.delete()
    return left


def check_built_in(role: Role, former_name: str) -> None:
    """Raise `BuiltInRole` if a built-in name is given away or taken, and for `admin` without its right."""
    if role.name != former_name and {role.name, former_name} & {*ROLES}:
        raise BuiltInRole(former_name if former_name in ROLES else role.name)
    if role.name == "admin" and MANAGE not in role.scopes:
        raise BuiltInRole("admin")


@contextmanager
def reducing(role: Role | None, *, keep: Iterable[str], by: Actor, is_going: bool = False) -> Iterator[None]:
    """Around a change that leaves a role no more than `keep`: check who loses by it, and revoke their tokens.

    A role that `is_going` can say nothing of them any more, so each entry is written.
    """
    before = set(role.scopes) if role else set()
    lost = before.difference(keep)
    if role and lost and (is_going or not has_many(role)):
        lock_users(User.objects.filter(roles=role))
    with keep_manager():
        check_holds(by, before)
        check_weaker(role, lost, by=by)
        if role and lost:
            revoke_role_tokens(role, by=by, left=before - lost, is_going=is_going)
        yield


def check_weaker(role: Role | None, lost: set[str], *, by: Actor) -> None:
    """Raise `NotHeld` if somebody who holds more than the actor would lose one of some scopes with a role."""
    held = held_scopes(by)
    others = list(Role.objects.exclude(pk=role.pk)) if role and lost else []
    beyond = [other for other in others if not held.issuperset(combined_scopes([other]))]
    stronger = User.objects.filter(roles=role).filter(roles__in=beyond) if beyond else User.objects.none()
    for scope in lost:
        if stronger.exclude(roles__in=[other for other in others if scope in other.scopes]).exists():
            raise NotHeld(set(combined_scopes(beyond)) - held)


@transaction.atomic
def revoke_role_tokens(role: Role, *, by: Actor, left: Iterable[str] = (), is_going: bool = False) -> None:
    """Where a role keeps no more than some scopes: revoke its users' access tokens; the sessions go on.

    Of few people the entries are revoked one by one. Of many the role says that all are, and the status lists and the
    next refresh of each look there: nobody is locked meanwhile, and nothing is written but the role.
    """
    if has_many(role) and not is_going:
        Role.objects.filter(pk=role.pk).update(revoked_at=clock.now(), revoked_through=None)
        transaction.on_commit(close_role_revocations)
    else:
        lock_users(User.objects.filter(roles=role))
        sessions.revoke_access_tokens(Session.objects.filter(user__roles=role))
    Event.objects.record(role, "role reduced", by=by, scopes=sorted(left))


def has_many(role: Role) -> bool:
    return User.objects.filter(roles=role).order_by()[: MANY + 1].count() > MANY


def lock_users(users: "QuerySet[User]") -> list[UUID]:
    """Let no log-in of some users go on until the transaction ends, and see those that came before; their ids.

    Whoever locks users and sessions locks users first.
    """
    rows = users.select_for_update(of=("self",), no_key=True).order_by("pk")
    return list(rows.values_list("pk", flat=True))
