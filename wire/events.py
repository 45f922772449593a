"""What happened, when, and who did it: one append-only table per service, alike in all."""

from typing import Any, NamedTuple, Protocol, Self

from django.db import models

from database import prepared
from wire.request_id import request_id


class Actor(Protocol):
    """Whoever makes something happen; the bearer of a token is one."""

    @property
    def sub(self) -> str: ...

    @property
    def client_id(self) -> str: ...


class Named(NamedTuple):
    """An actor by its names alone."""

    sub: str
    client_id: str = ""
    sid: str = ""


SYSTEM = Named("system")


class AppendOnly(Exception):
    """Events are never changed and never removed one by one."""


class EventQuerySet(models.QuerySet[Any]):
    """The trail of a service."""

    def about(self, subject: models.Model) -> Self:
        """The events of one thing, oldest first."""
        return self.filter(kind=subject._meta.model_name, subject=str(subject.pk)).order_by("id")

    def record(self, subject: models.Model, what: str, *, by: Actor, **facts: Any) -> Any:
        """Append that `by` did `what` to `subject`, in the caller's transaction."""
        event = self.draft(subject, what, by=by, **facts)
        prepared.insert([event])
        return event

    def draft(self, subject: models.Model, what: str, *, by: Actor, **facts: Any) -> Any:
        """The event that `record` appends, for those who append many at once."""
        return self.model(
            kind=subject._meta.model_name,
            subject=str(subject.pk),
            what=what,
            sub=by.sub,
            client_id=by.client_id,
            request_id=request_id()[:64],
            facts=facts,
        )


class AbstractEvent(models.Model):
    """One thing that happened: the timeline, the audit trail and the admin's history."""

    at = models.DateTimeField(auto_now_add=True)
    kind = models.CharField(max_length=32, help_text="What it happened to: the name of a model.")
    subject = models.CharField(max_length=64, help_text="Which one: its primary key.")
    what = models.CharField(max_length=64)
    sub = models.CharField("who", max_length=64, help_text="The `sub` of the token, or `system`.")
    client_id = models.CharField("client", max_length=255, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    facts = models.JSONField(default=dict, blank=True)

    objects = EventQuerySet.as_manager()

    class Meta:
        abstract = True
        ordering = ["-id"]
        indexes = [models.Index(fields=["kind", "subject", "id"], name="%(app_label)s_event_of_subject")]

    def __str__(self) -> str:
        return f"{self.what} by {self.sub}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk:
            raise AppendOnly

        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        raise AppendOnly


EVENT_FIELDS = ("what", "at", "sub", "facts")
"""The columns that an event is written from."""


def write_event(row: dict[str, Any]) -> dict[str, Any]:
    """An event as clients read it."""
    return {"what": row["what"], "at": row["at"], "by": row["sub"], "facts": row["facts"]}
