"""What somebody may have meant whose search found nothing: words of the catalogue that look like theirs."""

from collections.abc import Iterable
from difflib import get_close_matches

from django.contrib.postgres.lookups import TrigramWordSimilar
from django.db import OperationalError, ProgrammingError, connection, transaction
from django.db.models import F, Value

from database.deadlines import deadline
from products.models import Product, split_words

MOST_NAMES = 2_000
"""Names of products that are read for their words; in a larger catalogue PostgreSQL looks for those alike."""
MOST_WORDS = 4
SHORTEST = 3
"""Letters of a word that may be mistyped: of fewer anything is alike."""
ALIKE = 0.7
"""How much of two words must be the same, from 0 to 1."""
SECONDS = 0.3
"""As long as that nobody notices, whatever the catalogue is."""


def suggest_words(words: str) -> str:
    """The words with each that is not in the catalogue replaced by the one most like it; empty if there is none."""
    wanted = split_words(words)
    if not 1 <= len(wanted) <= MOST_WORDS:
        return ""

    known = find_words(wanted)
    meant = [find_alike(word, known) for word in wanted]
    return " ".join(meant) if all(meant) and meant != wanted else ""


def find_alike(word: str, known: set[str]) -> str:
    """The word itself, if products have it; else the one most like it, or nothing."""
    if any(word in other for other in known):
        return word
    if len(word) < SHORTEST:
        return ""

    near = [other for other in known if abs(len(other) - len(word)) <= len(word) // 3]
    return next(iter(get_close_matches(word, near, 1, ALIKE)), "")


def find_words(wanted: Iterable[str]) -> set[str]:
    """The words of names and skus for sale: all of a small catalogue, those like the wanted of a large one."""
    keys = Product.objects.filter(active=True).order_by().values_list("search_key", flat=True)
    found = list(keys[: MOST_NAMES + 1])
    if len(found) > MOST_NAMES:
        found = find_names_alike(wanted)
    return {word.strip(",;.()") for key in found for word in key.split()}


def find_names_alike(wanted: Iterable[str]) -> list[str]:
    """Names with a word like one of these; none where the database cannot say (pg_trgm), or not soon."""
    if connection.vendor != "postgresql":
        return []

    keys = Product.objects.filter(active=True).order_by().values_list("search_key", flat=True)
    try:
        with transaction.atomic(), deadline(SECONDS):
            alike = [keys.filter(TrigramWordSimilar(F("search_key"), Value(word)))[:MOST_NAMES] for word in wanted]
            return [key for found in alike for key in found]
    except (ProgrammingError, OperationalError):
        return []
