"""Accounts as an app."""

from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.db.models.signals import post_migrate
from prometheus_client.core import REGISTRY


class AccountsConfig(AppConfig):
    """The service of accounts, whose roles learn of the scopes of new services with each `migrate`."""

    name = "accounts"

    def ready(self) -> None:
        """Register checks and metrics, and have roles learn of new scopes."""
        from accounts import checks  # noqa: F401, PLC0415  # There are models only now.
        from accounts.metrics import SigningKeys  # noqa: PLC0415

        REGISTRY.register(SigningKeys())
        post_migrate.connect(grant_new_scopes, sender=self)


def grant_new_scopes(apps: Any = apps, **_: Any) -> None:
    """Give roles what services that are new say of them; not where `migrate` stopped or went back before there are
    any, nor while accounts only reads: the next `migrate` does it then."""
    if "grantedscope" not in apps.all_models["accounts"] or "accounts" in settings.READ_ONLY:
        return

    from accounts.people import initial_scopes  # noqa: PLC0415  # There are models only now.

    initial_scopes.grant_new_scopes()
