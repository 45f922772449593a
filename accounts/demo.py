"""Who can log in to the demo."""

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import transaction

from accounts.models import Event, Role, User
from accounts.models.demo_accounts import DEMO_EMAILS
from database import clock
from wire.demo import PASSWORD, PEOPLE, Person
from wire.events import SYSTEM


def add_demo() -> str:
    """Make the demo's people where they are missing, with DEBUG alone, since their password is known; what was done."""
    if not settings.DEBUG:
        return "nobody added, since DEBUG is off"

    missing = [person for person in PEOPLE if not User.objects.filter(email=person.email).exists()]
    for person in missing:
        add(person)
    # Whom a release before added.
    User.objects.filter(pk__in=DEMO_EMAILS, email_verified_at=None).update(email_verified_at=clock.now())
    return f"{len(missing)} people added"


@transaction.atomic
def add(person: Person) -> None:
    user = User.objects.create(
        id=person.id,
        email=person.email,
        name=person.name,
        password=make_password(PASSWORD),
        email_verified_at=clock.now(),
    )
    user.roles.set(Role.objects.filter(name=person.role))
    Event.objects.record(user, "registered", by=SYSTEM)
