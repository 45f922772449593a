"""What `manage.py check --deploy` says of the whole."""

import os
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage
from django.core.checks import Warning as Advice

LOCAL = ("", "localhost", "127.0.0.1", "::1")


def check_sslmode(**_: Any) -> list[CheckMessage]:
    """A PostgreSQL server on another machine should have to prove who it is."""
    database = settings.DATABASES["default"]
    host, options = str(database.get("HOST", "")), database.get("OPTIONS", {})
    sslmode = options.get("sslmode") or os.environ.get("PGSSLMODE", "prefer")
    if "sqlite" in database["ENGINE"] or host in LOCAL or host.startswith("/") or sslmode.startswith("verify-"):
        return []

    hint = "Add ?sslmode=verify-full&sslrootcert=system to DATABASE_URL, or the file of your own authority."
    text = f"DATABASE_URL does not have the server {host} prove who it is: sslmode is {sslmode}."
    return [Advice(text, hint=hint, id="tessera.W003")]
