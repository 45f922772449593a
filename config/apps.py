"""Config as an app: first in INSTALLED_APPS, without models; it owns the commands of the whole."""

from importlib import import_module
from typing import Any

import structlog
from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin import apps
from django.contrib.admin import checks as admin_checks
from django.core import checks as django_checks
from django.core.exceptions import ImproperlyConfigured
from prometheus_client.core import REGISTRY

from config import checks, failpoints

logger = structlog.get_logger(__name__)


class TesseraConfig(AppConfig):
    """The composition root."""

    name = "config"

    def ready(self) -> None:
        """Register checks and metrics, and set the one trap that a test may have asked for."""
        from config.metrics import Jobs  # noqa: PLC0415  # There are models only now.
        from wire.mail.metrics import Mails  # noqa: PLC0415

        if settings.SECRET_KEY == settings.DEVELOPMENT_KEY and settings.SECRET_KEY_FALLBACKS:
            logger.warning("development_key_in_use", why="SECRET_KEY is not set, though SECRET_KEY_FALLBACKS is")
        for check in (checks.check_sslmode, checks.check_mail, checks.check_events):
            django_checks.register(check, django_checks.Tags.security, deploy=True)
        for collector in (Jobs(), Mails()):
            REGISTRY.register(collector)
        if settings.OTLP_ENDPOINT:
            start_tracing()
        if settings.FAILPOINT:
            failpoints.arm(settings.FAILPOINT)


def start_tracing() -> None:
    """Load what tells traces, which nothing else needs."""
    try:
        from config import tracing  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ImproperlyConfigured(
            f"OTEL_EXPORTER_OTLP_ENDPOINT needs {error.name}: install requirements/prod.txt"
        ) from error
    tracing.start()


class TesseraAdminConfig(apps.AdminConfig):
    """Django's admin with the one site of Tessera."""

    default = False
    default_site = "config.admin.TesseraAdminSite"

    def ready(self) -> None:
        """Have the sections checked, but loaded with the first request for one (`config.admin_addresses`)."""
        django_checks.register(admin_checks.check_dependencies, django_checks.Tags.admin)
        django_checks.register(check_sections, django_checks.Tags.admin)


def check_sections(app_configs: Any, **options: Any) -> list[Any]:
    import_module("config.admin_addresses")
    return list(admin_checks.check_admin_app(app_configs, **options))
