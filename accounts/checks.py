"""What `manage.py check --deploy` asks the database of accounts."""

from typing import Any

from django.conf import settings
from django.core import checks
from django.db import DatabaseError, connection

from accounts.issuing import key_derivation, keys
from accounts.models import SigningKey, User
from accounts.models.demo_accounts import DEMO_EMAILS


@checks.register(checks.Tags.security, deploy=True)
def check_stored(**_: Any) -> list[checks.CheckMessage]:
    """What must not be stored in production, or should be moved; nothing before the first `migrate`."""
    try:
        migrated = SigningKey._meta.db_table in connection.introspection.table_names()
        return [*check_keys(), *check_demo()] if migrated else []
    except DatabaseError as error:
        text = f"The database cannot be asked about keys and demo accounts: {type(error).__name__}."
        return [checks.Warning(text, hint="Run this where the database can be reached.", id="tessera.W001")]


def check_keys() -> list[checks.CheckMessage]:
    """A key that nothing opens is an error, one that only a fallback opens a warning."""
    stored = [] if keys.is_shared() else keys.keys_to_rewrap()
    return [describe_key(key) for key in stored]


def describe_key(key: SigningKey) -> checks.CheckMessage:
    private_key = bytes(key.private_key)
    if key_derivation.is_lost(private_key, keys.PURPOSE):
        hint = key_derivation.explain(private_key, keys.PURPOSE)
        return checks.Error(f"The signing key {key.kid} cannot be opened.", hint=hint, id="tessera.E001")

    hint = "Run `manage.py rewrap_keys`, once no process of that release or with that SECRET_KEY alone is left."
    text = f"The signing key {key.kid} is stored under a former SECRET_KEY, or as a release before stored it."
    return checks.Warning(text, hint=hint, id="tessera.W002")


def check_demo() -> list[checks.CheckMessage]:
    """In production the demo's people are an error, though they cannot log in."""
    people = User.objects.filter(pk__in=DEMO_EMAILS, email__in=DEMO_EMAILS.values(), is_active=True)
    emails = ", ".join(people.values_list("email", flat=True))
    if settings.DEVELOPMENT or not emails:
        return []

    hint = (
        "Delete or disable them in the admin; if you have no admin of your own, `manage.py createsuperuser` makes one."
    )
    text = f"These are the demo's accounts, whose password everybody knows; they cannot log in: {emails}."
    return [checks.Error(text, hint=hint, id="tessera.E002")]
