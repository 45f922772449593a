"""What happened, when, and who did it: one append-only table per service, alike in all."""

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple, Protocol, Self

from django.db import DEFAULT_DB_ALIAS, connections, models

from database import clock, prepared
from database.distinct import distinct_values
from wire.request_id import request_id


class Actor(Protocol):
    """Whoever makes something happen; the bearer of a token is one."""

    @property
    def sub(self) -> str: ...

    @property
    def client_id(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def email(self) -> str: ...


class Named(NamedTuple):
    """An actor by its names alone."""

    sub: str
    client_id: str = ""
    sid: str = ""
    name: str = ""
    email: str = ""


SYSTEM = Named("system")
MOST_KINDS = 100
STAYING = "database"
"""The kind of the events that say what was done to the database as a whole: they stay in it."""
KEEPER = "events"
"""The connection over which events are changed and deleted, where it is another role's than the service's."""


MAX_ACTOR = 200


def name_actor(by: Actor) -> str:
    """An actor for people to read, as the token says it now: `Dave (dave@example.com)`; empty where it says nothing."""
    return (f"{by.name} ({by.email})" if by.name and by.email else by.name or by.email)[:MAX_ACTOR]


class AppendOnly(Exception):
    """Events are never changed and never removed one by one."""


class EventQuerySet(models.QuerySet[Any]):
    """The trail of a service."""

    def about(self, subject: models.Model) -> Self:
        """The events of one thing, oldest first."""
        return self.filter(kind=subject._meta.model_name, subject=str(subject.pk)).order_by("id")

    def named(self, ids: Collection[str]) -> Self:
        """The events of a thing of any kind that has one of some ids."""
        return self.filter(kind__in=distinct_values(self.model, "kind", most=MOST_KINDS), subject__in=ids)

    def record(self, subject: models.Model, what: str, *, by: Actor, **facts: Any) -> Any:
        """Append that `by` did `what` to `subject`, in the caller's transaction."""
        event = self.draft(subject, what, by=by, **facts)
        prepared.insert_unanswered([event])
        return event

    def draft(self, subject: models.Model, what: str, *, by: Actor, **facts: Any) -> Any:
        """The event that `record` appends, for those who append many at once."""
        named = {"actor": name_actor(by)} if self.model.actor else {}
        return self.model(
            **named,
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

    at = clock.TimeField(auto_now_add=True)
    kind = models.CharField(max_length=32, help_text="What it happened to: the name of a model.")
    subject = models.CharField(max_length=64, help_text="Which one: its primary key.")
    what = models.CharField(max_length=64)
    sub = models.CharField("who", max_length=64, help_text="The `sub` of the token, or `system`.")
    # A copy, for services that have no table of users. That of accounts has one, and does without.
    actor: Any = models.CharField(max_length=MAX_ACTOR, blank=True, default="", db_default="")
    client_id = models.CharField("client", max_length=255, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    facts = models.JSONField(default=dict, blank=True)

    objects = EventQuerySet.as_manager()

    class Meta:
        abstract = True
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["kind", "subject", "id"], name="%(app_label)s_event_of_subject"),
            models.Index(fields=["at", "id"], name="%(app_label)s_event_by_age"),
            models.Index(fields=["what", "at", "id"], name="%(app_label)s_event_by_what"),
            models.Index(fields=["sub", "at", "id"], name="%(app_label)s_event_by_who"),
            models.Index(fields=["request_id"], name="%(app_label)s_event_of_request"),
        ]

    def __str__(self) -> str:
        return f"{self.what} by {self.actor or self.sub}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk:
            raise AppendOnly

        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        raise AppendOnly

    def forget(self) -> bool:
        """Name nobody any more, and say nothing of a person but the `sub`; whether it did."""
        before = (self.facts, self.actor)
        kept = {name: fact for name, fact in self.facts.items() if not self.is_personal(name)}
        self.facts, self.actor = kept, ""
        return (kept, "") != before

    def is_personal(self, fact: str) -> bool:
        """Whether a fact of this event tells something of a person."""
        return self.kind == "mail" and fact == "name"

    @classmethod
    def name_actors(cls, events: Iterable[Any]) -> None:
        """See that each of some events knows by name who it was: here by its column `actor`."""


def changing(model: type[AbstractEvent]) -> Any:
    """The events of a service for who may change and delete them: keeping, archiving, erasing; nobody else."""
    return model._default_manager.using(KEEPER if KEEPER in connections else DEFAULT_DB_ALIAS)


EVENT_FIELDS = ("what", "at", "sub", "facts")
"""The columns that an event is written from."""


def write_event(row: dict[str, Any]) -> dict[str, Any]:
    """An event as clients read it."""
    return {"what": row["what"], "at": row["at"], "by": row["sub"], "facts": row["facts"]}
