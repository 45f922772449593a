"""Config as an app: first in INSTALLED_APPS, without models; it owns the commands of the whole."""

import structlog
from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin import apps, site
from django.core import checks as django_checks

from config import checks, failpoints
from tokens.scopes import STAFF_SCOPES

logger = structlog.get_logger(__name__)


class TesseraConfig(AppConfig):
    """The composition root."""

    name = "config"

    def ready(self) -> None:
        """Register checks, and set the one trap that a test may have asked for."""
        if settings.SECRET_KEY == settings.DEVELOPMENT_KEY and settings.SECRET_KEY_FALLBACKS:
            logger.warning("development_key_in_use", why="SECRET_KEY is not set, though SECRET_KEY_FALLBACKS is")
        django_checks.register(checks.check_sslmode, django_checks.Tags.security, deploy=True)
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
