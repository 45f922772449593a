"""Config as an app: first in INSTALLED_APPS, without models; it owns the commands of the whole."""

from django.apps import AppConfig
from django.contrib.admin import apps


class TesseraConfig(AppConfig):
    """The composition root."""

    name = "config"


class TesseraAdminConfig(apps.AdminConfig):
    """Django's admin with the one site of Tessera."""

    default = False
    default_site = "config.admin.TesseraAdminSite"
