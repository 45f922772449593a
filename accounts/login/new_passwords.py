"""A password that is set by whatever code ends what the former one opened, and its owner is told."""

from typing import Any

from django.db import transaction

from accounts.login import sessions
from accounts.models import Event, Mail, Session, User
from wire.events import SYSTEM


class EndsSessions:
    """A validator that refuses nothing: Django tells those, too, of a new password that a command or a shell stored.

    One that came around Django is noticed at the next refresh.
    """

    def validate(self, password: str, user: Any = None) -> None:
        """Any password will do."""

    @transaction.atomic
    def password_changed(self, password: str, user: Any) -> None:
        user.pending_email = ""
        User.objects.filter(pk=user.pk).update(pending_email="")
        Event.objects.record(user, "password changed", by=SYSTEM)
        sessions.end(Session.objects.of_user(user.sub), reason="password change", by=SYSTEM)
        Mail.objects.write("password changed", user.email)

    def get_help_text(self) -> str:
        return "Another password logs you out everywhere."
