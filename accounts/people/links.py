"""The tokens in mailed links: Django's, each good for one state of a user, so it is used up by what it does."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.utils.encoding import force_bytes
from django.utils.http import base36_to_int, urlsafe_base64_encode

RESET = timedelta(hours=1)
"""How long a link replaces a password. One by which the first is chosen, or an address confirmed, lives for `LONGEST`:
nobody is hurt by it meanwhile, and people read their mail the next morning."""
LONGEST = timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)


class PasswordTokens(PasswordResetTokenGenerator):
    """Tokens that let a person choose a password; another password or address ends them, and so does whoever shuts the
    person out.

    Django's end with a log-in, too: whoever knows the password, a thief or a program of one's own, would spoil each.
    """

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        return f"{user.pk}{user.password}{timestamp}{user.email}"

    def check_token(self, user: Any, token: str | None) -> bool:
        if not token or not user.may_log_in or not super().check_token(user, token):
            return False

        return not user.has_usable_password() or self.age(token) <= RESET.total_seconds()

    def age(self, token: str) -> int:
        """Seconds since a token was made that is known to be ours."""
        return self._num_seconds(self._now()) - base36_to_int(token.partition("-")[0])


class EmailTokens(PasswordResetTokenGenerator):
    """Tokens that confirm an address; use ends them, and so does another password or another pending address."""

    key_salt = "accounts.people.links.EmailTokens"

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        state = (user.pk, user.password, user.email, user.pending_email, user.email_verified_at, timestamp)
        return "\n".join(map(str, state))


password_tokens = PasswordTokens()
email_tokens = EmailTokens()


def write_link(path: str, user: Any, token: str) -> str:
    """The address of a page of ours that takes a token."""
    return f"{settings.ISSUER}{path}{urlsafe_base64_encode(force_bytes(user.pk))}/{token}/"
