"""Config as an app: first in INSTALLED_APPS, without models; it owns the commands of the whole."""

from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin import apps, site

from config import failpoints
from tokens.scopes import STAFF_SCOPES


class TesseraConfig(AppConfig):
    """The composition root."""

    name = "config"

    def ready(self) -> None:
        """Set the one trap that a test may have asked for."""
        if settings.FAILPOINT:
            failpoints.arm(settings.FAILPOINT)


class TesseraAdminConfig(apps.AdminConfig):
    """Django's admin with the one site of Tessera."""

    default = False
    default_site = "config.admin.TesseraAdminSite"

    def ready(self) -> None:
        """Find every section, and leave out Django's own: no scope opens its users and groups."""
        super().ready()
        for model in [model for model in site._registry if model._meta.app_label not in STAFF_SCOPES]:
            site.unregister(model)
