"""Which characters a new password may have, and how many."""

from typing import Any

from django.core.exceptions import ValidationError

from wire.text import MAX_PASSWORD, refused_in_password


class TypedAgainValidator:
    """Refuses what cannot be typed again for certain: what RFC 8265 4 (OpaqueString) leaves out, or no log-in takes."""

    def validate(self, password: str, user: Any = None) -> None:
        if len(password) > MAX_PASSWORD:
            raise ValidationError(f"A password has at most {MAX_PASSWORD} characters.", code="password_too_long")
        if refused_in_password(password):
            raise ValidationError(
                "A password has no control characters and none that nobody sees.", code="password_of_unseen_characters"
            )

    def get_help_text(self) -> str:
        return f"Your password can have {MAX_PASSWORD} characters, and none that nobody sees."
