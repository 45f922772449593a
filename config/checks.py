"""What `manage.py check --deploy` says of the whole."""

import os
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage
from django.core.checks import Warning as Advice
from django.db import DatabaseError, connection

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


def check_mail(**_: Any) -> list[CheckMessage]:
    """Mail that is only printed reaches nobody, and puts the links by which passwords are reset into logs."""
    from wire.mail.table import mail_tables  # noqa: PLC0415  # There are models only now.

    if settings.EMAIL_BACKEND.endswith("smtp.EmailBackend") or not mail_tables():
        return []

    hint = "Set EMAIL_URL to your mail server, like smtp+tls://user:password@host:587."
    text = f"EMAIL_URL sends no mail: it is printed, kept or dropped ({settings.EMAIL_BACKEND})."
    return [Advice(text, hint=hint, id="tessera.W004")]


def check_events(**_: Any) -> list[CheckMessage]:
    """On PostgreSQL whoever serves should not be able to rewrite what happened; nothing before the first `migrate`."""
    if connection.vendor != "postgresql":
        return []

    rights = "SELECT oid::regclass::text FROM pg_class WHERE relname = ANY(%s) AND has_table_privilege(oid, 'UPDATE')"
    try:
        with connection.cursor() as cursor:
            cursor.execute(rights, [[f"{service}_event" for service in settings.SERVICES]])
            tables = ", ".join(name for (name,) in cursor.fetchall())
    except DatabaseError:
        return []

    hint = "Give the service three roles by deploy/postgresql/service.sql: docs/deploying.md says how."
    text = f"The role of DATABASE_URL may change events, which are the audit trail: {tables}."
    return [Advice(text, hint=hint, id="tessera.W005")] if tables else []
