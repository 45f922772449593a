"""Where SQLite knows words to be: an index of every three letters of names, skus and descriptions (FTS5).

PostgreSQL has such indexes of its own (pg_trgm), and looks into them by itself.
"""

from collections.abc import Iterable
from uuid import UUID

from django.db import OperationalError, connections
from django.db.models import Q

LETTERS = 3
"""As many together as the index has in one place."""
MOST = 500
"""Products that are looked at one by one; where more may hold the words, a page of them is soon found by reading."""
FIND = """
SELECT product_id FROM product_number
WHERE number IN (SELECT rowid FROM product_by_part WHERE product_by_part MATCH %s LIMIT %s)
"""


def may_hold(words: Iterable[str], *, using: str) -> Q:
    """What a product is that may hold all of some folded words: one of a few, or any where the index does not say."""
    parts = {part for word in words for part in split_parts(word)}
    if connections[using].vendor != "sqlite" or not parts:
        return Q()

    try:
        found = find_products(parts, using=using)
    except OperationalError:
        # A SQLite without FTS5 has no index.
        return Q()

    return Q() if len(found) > MOST else Q(pk__in=found)


def split_parts(word: str) -> list[str]:
    """Each three letters of a word, as the index has them; none of a shorter one."""
    return [word[start : start + LETTERS] for start in range(len(word) - LETTERS + 1)]


def find_products(parts: Iterable[str], *, using: str) -> list[UUID]:
    """Products that hold all of some parts, one more than `MOST` if there are more."""
    query = " ".join('"' + part.replace('"', '""') + '"' for part in sorted(parts))
    with connections[using].cursor() as cursor:
        cursor.execute(FIND, [query, MOST + 1])
        return [UUID(product_id) for (product_id,) in cursor.fetchall()]
