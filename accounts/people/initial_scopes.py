"""What roles carry from the start: each service says so of its own scopes, once."""

from django.db import transaction

from accounts.models import GrantedScope, Role
from tokens.registry import ROLES, services


@transaction.atomic
def grant_new_scopes() -> list[str]:
    """Give each new scope, once, so that what staff take away later stays taken, to its roles; those scopes.

    A built-in role that is missing is made again, with all that it has from the start.
    """
    granted = {*GrantedScope.objects.values_list("name", flat=True)}
    scopes = {name: scope for service in services().values() for name, scope in service.scopes.items()}
    new = sorted({*scopes} - granted)
    missing = {*ROLES}.difference(Role.objects.values_list("name", flat=True))
    GrantedScope.objects.bulk_create([GrantedScope(name=name) for name in new], ignore_conflicts=True)
    for name in ROLES if new else missing:
        given = scopes if name in missing else new
        gained = {scope for scope in given if scopes[scope].people and name in (*scopes[scope].roles, "admin")}
        if gained:
            role, _ = Role.objects.select_for_update().get_or_create(name=name)
            role.scopes = sorted(gained | {*role.scopes})
            role.save(update_fields=["scopes"])
    return new
