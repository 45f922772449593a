"""Words that anybody would try in a password here: they do not count towards its length (NIST SP 800-63B 3.1.1.2)."""

import re
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError

from tokens.registry import services

WORDS = ("tessera", "demo", "shop", "admin", "administrator", "catalogue", "customer", "manager")
SHORTEST = 4
"""Letters of a word that is looked for."""
LENGTH = 8


def context_words() -> set[str]:
    """The shop's names: of the software, the roles, the services, the host, and what `PASSWORD_WORDS` adds."""
    host = re.split(r"[.-]", urlsplit(settings.ISSUER).hostname or "")
    words = (*WORDS, *services(), *host, *settings.PASSWORD_WORDS)
    return {word.casefold() for word in words if len(word) >= SHORTEST}


class ContextWordsValidator:
    """Refuses a password that is too short without these words."""

    def validate(self, password: str, user: Any = None) -> None:
        longest_first = sorted(context_words(), key=len, reverse=True)
        rest = re.sub("|".join(map(re.escape, longest_first)), "", password.casefold())
        if len(rest) < LENGTH <= len(password):
            raise ValidationError(
                f"Names of this shop and words like them are easy to guess: use {LENGTH} other characters beside them.",
                code="password_of_context_words",
            )

    def get_help_text(self) -> str:
        return "Names of this shop do not count towards the length of your password."
