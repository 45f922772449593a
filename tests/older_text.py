"""Text that is older than its normal form: written past the columns that hold it, and moved by the command."""

import io

from django.core.management import CommandError, call_command
from django.db import connection


def write_raw(row, **columns):
    """As a release wrote it that had no normal forms."""
    names = ", ".join(f"{name} = %s" for name in columns)
    with connection.cursor() as cursor:
        key = row._meta.pk.get_db_prep_value(row.pk, connection)
        cursor.execute(f"UPDATE {row._meta.db_table} SET {names} WHERE id = %s", [*columns.values(), key])


def normalize(**options):
    """What `manage.py normalize_text` says, and its exit code."""
    out = io.StringIO()
    try:
        call_command("normalize_text", stdout=out, **options)
    except CommandError as error:
        return out.getvalue(), error.returncode
    return out.getvalue(), 0
