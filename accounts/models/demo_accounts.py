"""The demo's people and their password, which everybody knows: nobody is let in by them in production."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError

from wire.demo import PASSWORD, PEOPLE

DEMO_EMAILS = {person.id: person.email for person in PEOPLE}
"""By the ids of the demo's people: an account that was given another address is somebody's own."""


def is_refused(password: str | None) -> bool:
    """Whether it is the demo's password, and this is production."""
    return not settings.DEVELOPMENT and password == PASSWORD


class DemoPasswordValidator:
    """Refuses the demo's password in production."""

    def validate(self, password: str | None, user: Any = None) -> None:
        if is_refused(password):
            raise ValidationError("Everybody knows the demo's password.", code="password_of_the_demo")

    def get_help_text(self) -> str:
        return "Your password can't be the demo's."
