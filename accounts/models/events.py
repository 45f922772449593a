"""The events of accounts, and the leases of its periodic jobs."""

from database.leases import AbstractLease
from wire.events import AbstractEvent


class Event(AbstractEvent):
    """What happened to accounts: log-ins, failures, revocations, changes of roles and keys."""


class Lease(AbstractLease):
    """Which periodic job of accounts ran until when."""
