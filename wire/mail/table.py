"""The table of mails: one per service, alike in all."""

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.apps import apps
from django.conf import settings
from django.db import models, transaction
from django.db.models import F
from django.template.loader import get_template

from database import clock
from database.locks import lock_name
from wire import text
from wire.text_fields import EmailField

logger = structlog.get_logger(__name__)

Contexts = Mapping[str, Callable[[Any], dict[str, Any] | None]]
"""By kind, what makes the context of a mail's templates when it is sent; None if it is not needed any more.

A kind that is not named has its facts for context.
"""
DAY = timedelta(days=1)
LEASE = timedelta(minutes=2)
"""How long a mail is a worker's, which is dead if it has not said by then what became of it."""


class State(models.TextChoices):
    """What became of a mail."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"
    DROPPED = "dropped"


class MailQuerySet(models.QuerySet[Any]):
    """The mails of a service."""

    @transaction.atomic
    def write(self, kind: str, to: str, *, lifetime: timedelta = DAY, **facts: Any) -> bool:
        """Have a mail sent to an address once the caller's transaction is committed, and not after its `lifetime`.

        `kind` names its templates: `password reset` is `templates/<service>/mail/password_reset.txt` and `.html`.
        `facts` are stored as JSON, so none may be a secret: what is secret is made when the mail is sent
        (`delivery.Contexts`). False, and nothing is written, if the address had `MAILS_PER_HOUR` of the kind.
        """
        for name in template_names(self.model._meta.app_label, kind):
            get_template(name)
        to = text.email(to)
        # Counted by one at a time, so that the bound holds however many ask at once.
        lock_name(f"mail {kind} {to}")
        now = clock.now()
        if self.filter(to=to, kind=kind, written_at__gt=now - timedelta(hours=1)).count() >= settings.MAILS_PER_HOUR:
            logger.warning("mail_not_written", kind=kind, why="MAILS_PER_HOUR")
            return False

        self.create(to=to, kind=kind, facts=facts, written_at=now, next_try_at=now, expires_at=now + lifetime)
        return True

    def waiting(self) -> "MailQuerySet":
        return self.filter(state=State.WAITING)

    def claim(self) -> Any:
        """The mail whose turn it is, for this worker alone until its lease is over; None if there is none."""
        now = clock.now()
        due = self.waiting().filter(next_try_at__lte=now)
        while mail := due.order_by("next_try_at").first():
            own = due.filter(pk=mail.pk, attempts=mail.attempts)
            if own.update(attempts=F("attempts") + 1, next_try_at=now + LEASE):
                mail.attempts += 1
                return mail
        return None

    def settle(self, mail: Any, state: State, *, error: str = "") -> None:
        """Say what became of a mail."""
        self.waiting().filter(pk=mail.pk).update(state=state, error=error, settled_at=clock.now())

    def put_off(self, mail: Any, until: datetime, *, error: str) -> None:
        """Have a mail tried again later, unless another worker has it by now."""
        own = self.waiting().filter(pk=mail.pk, attempts=mail.attempts)
        own.update(next_try_at=until, error=error)

    def put_off_all(self, until: datetime) -> None:
        """Let the mails whose turn it is wait, since nothing can be sent just now."""
        self.waiting().filter(next_try_at__lte=clock.now()).update(next_try_at=until)

    def send_again(self, mail: Any) -> bool:
        """Have a mail that failed sent after all, with as much time as it had; whether it had failed."""
        now = clock.now()
        fresh = {"attempts": 0, "error": "", "settled_at": None, "next_try_at": now}
        again = {**fresh, "state": State.WAITING, "expires_at": now + (mail.expires_at - mail.written_at)}
        return bool(self.filter(pk=mail.pk, state=State.FAILED).update(**again))


class AbstractMail(models.Model):
    """A mail to one address. Its text is made when it is sent, so none of it is stored."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    to = EmailField(max_length=254)
    kind = models.CharField(max_length=64, help_text="What it is about; its templates have this name.")
    facts = models.JSONField(default=dict, help_text="What its text is made from. Nothing secret.")
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    error = models.CharField("last error", max_length=200, blank=True)
    written_at = models.DateTimeField()
    next_try_at = models.DateTimeField("next try")
    expires_at = models.DateTimeField(help_text="After this it is not sent any more.")
    settled_at = models.DateTimeField("done at", null=True, blank=True)

    objects = MailQuerySet.as_manager()

    class Meta:
        abstract = True
        ordering = ["-written_at"]
        indexes = [
            models.Index(fields=["state", "next_try_at"], name="%(app_label)s_mail_by_turn"),
            models.Index(fields=["to", "kind", "written_at"], name="%(app_label)s_mail_to"),
            models.Index(fields=["written_at"], name="%(app_label)s_mail_by_age"),
            models.Index(fields=["kind", "written_at"], name="%(app_label)s_mail_by_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.to}"


def template_names(service: str, kind: str) -> list[str]:
    """The templates of a kind of mail: of its subject and text, and of its HTML."""
    name = f"{service}/mail/{kind.replace(' ', '_')}"
    return [f"{name}.txt", f"{name}.html"]


def mail_tables() -> list[Any]:
    """The table of each service of this process that sends mail."""
    return [model for model in apps.get_models() if issubclass(model, AbstractMail)]
