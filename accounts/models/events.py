"""The events of accounts, its mails, and the leases of its periodic jobs."""

from collections.abc import Iterable
from typing import Any

from django.apps import apps

from database.leases import AbstractLease
from wire.events import AbstractEvent, Named, name_actor
from wire.mail.table import AbstractMail
from wire.text import read_id

PERSONAL = {"address", "after", "before", "device", "email", "fields", "name"}
"""Facts of events that tell something of a person, unless they are of a thing in `THINGS`."""
THINGS = {"client", "role", "signingkey"}


class Event(AbstractEvent):
    """What happened to accounts: log-ins, failures, revocations, changes of roles and keys."""

    # Who is deleted leaves no copy of their name behind; the users are here to be asked.
    actor: Any = ""

    def is_personal(self, fact: str) -> bool:
        return fact in PERSONAL and self.kind not in THINGS

    def forget(self) -> bool:
        is_address = self.kind == "failedlogin" and self.subject != "address"
        if is_address:
            self.subject = "address"
        return super().forget() or is_address

    @classmethod
    def name_actors(cls, events: Iterable[Any]) -> None:
        """Tell events who it was, as the users are called now."""
        people: Any = apps.get_model("accounts", "User").objects
        found = people.filter(pk__in={key for event in events if (key := read_id(event.sub))})
        named = {user.sub: name_actor(Named(user.sub, name=user.name, email=user.email)) for user in found}
        for event in events:
            event.actor = named.get(event.sub, "")


class Lease(AbstractLease):
    """Which periodic job of accounts ran until when."""


class Mail(AbstractMail):
    """What accounts has to tell people by mail."""
