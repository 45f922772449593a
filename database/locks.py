"""Locks by name, for what no row stands for."""

from django.db import connection


def lock_name(name: str) -> None:
    """Wait until no other transaction holds that name, and hold it until the caller's ends.

    SQLite lets only one transaction write at a time anyway.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])
