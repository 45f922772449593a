"""What begins with some text, found along the usual index of a column in every database."""

from typing import Any

from django.db import connections, models
from django.db.models.lookups import StartsWith

LAST_LETTER = chr(0x10FFFF)


class Begins(StartsWith):
    """As `startswith`, with bounds that tell an index where to begin and where to end, and in which order to read."""

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        column, params = self.process_lhs(compiler, connection)
        like, pattern = super().as_sql(compiler, connection)
        last = f"{self.rhs}{LAST_LETTER}"
        return f"({column} >= %s AND {column} <= %s AND {like})", [*params, self.rhs, *params, last, *pattern]


models.CharField.register_lookup(Begins, "begins")


def in_capitals(text: str, *, using: str) -> str:
    """A text as the database's own UPPER has it, which differs: of `ß` and `é` some make capitals and some do not."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT UPPER(CAST(%s AS text))", [text])
        return str(cursor.fetchone()[0])
