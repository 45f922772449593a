"""The frameworks of the API without the 7 MiB that they load besides, which no request needs."""

import sys
from importlib import import_module
from typing import Any

from django.core import signals

INSTEAD: dict[str, Any] = {
    # DRF does without these, where they are not installed: it has them for a client in tests, for documents of the API
    # that drf-spectacular writes here, and for fields that no model has.
    "requests": None,
    "yaml": None,
    "uritemplate": None,
    "django.contrib.postgres.fields": None,
    # SimpleJWT takes one signal from Django's tools for tests, which have it from here.
    "django.test.signals": signals,
}
"""What these modules find under some names, unless it was loaded before; None is for what they are not to find."""


def load_frameworks() -> None:
    """Load the modules of Django REST framework and SimpleJWT that would load more; nobody else may load one now."""
    hidden = {name: module for name, module in INSTEAD.items() if name not in sys.modules}
    sys.modules.update(hidden)
    try:
        import_module("rest_framework.compat")
        import_module("rest_framework_simplejwt.settings")
    finally:
        for name in hidden:
            del sys.modules[name]
