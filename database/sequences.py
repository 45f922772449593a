"""The numbers that a table's primary key is given."""

from django.core.management.color import no_style
from django.db import connection
from django.db.models import Model


def follow_greatest(model: type[Model]) -> None:
    """Have the next number be the one after the greatest in the table; SQLite sees to that by itself."""
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), [model]):
            cursor.execute(statement)
