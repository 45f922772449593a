"""Sessions, the status of their tokens, and how often logging in failed."""

import uuid
from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F
from django.utils import timezone

from accounts.models.people import User
from accounts.models.user_agents import name_device
from database import prepared


class TokenStatus(models.Model):
    """One entry of the status lists. Its primary key is its place there, never used twice."""

    id = models.BigAutoField(primary_key=True)
    revoked_at = models.DateTimeField(null=True, db_index=True)

    class Meta:
        verbose_name_plural = "token statuses"

    def __str__(self) -> str:
        return str(self.pk)


class SessionQuerySet(models.QuerySet["Session"]):
    """Log-ins, and the single statements that renew them."""

    def alive(self) -> Self:
        """Those that were not ended; they may have expired."""
        return self.filter(ended_at=None)

    def unexpired(self) -> Self:
        now = timezone.now()
        return self.filter(expires_at__gt=now, rotated_at__gt=now - settings.REFRESH_IDLE_LIFETIME)

    def with_access_tokens(self) -> Self:
        """As `unexpired`, and those whose last access token may outlive them."""
        now = timezone.now()
        idle_since = now - settings.REFRESH_IDLE_LIFETIME
        return self.filter(expires_at__gt=now - settings.TOKEN_LIFETIME, rotated_at__gt=idle_since)

    def of_user(self, sub: str, *, but: str = "") -> Self:
        """The sessions of a user, but the one whose id that is."""
        return self.filter(user__pk=sub).exclude(pk__in=[but] if but else [])


class Session(models.Model):
    """One log-in of one person: the family of refresh tokens that came of it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    client_id = models.CharField("client", max_length=255)
    device = models.CharField(max_length=200, blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)
    generation = models.PositiveIntegerField(default=0)
    status = models.OneToOneField(TokenStatus, on_delete=models.PROTECT, related_name="session")
    created_at = models.DateTimeField(default=timezone.now)
    rotated_at = models.DateTimeField("last used", default=timezone.now)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True, db_index=True)
    end_reason = models.CharField(max_length=32, blank=True)

    objects = SessionQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.user} ({self.device or self.client_id})"

    @property
    def device_name(self) -> str:
        return name_device(self.device)


@prepared.objects(Session, "user", "status", session_id="id")
def session_by_id(session_id: uuid.UUID) -> models.QuerySet[Session]:
    """A session with its user and status."""
    return Session.objects.filter(pk=session_id).order_by()


@prepared.update(
    Session,
    session_id="id",
    generation="generation",
    client_id="client_id",
    idle_since="rotated_at",
    now="rotated_at",
)
def renew_session(session_id: uuid.UUID, generation: int, client_id: str, idle_since: datetime, now: datetime) -> int:
    """Move a living session of a client from `generation` to the next; 1 if this call was the one that did."""
    own = Session.objects.alive().filter(pk=session_id, generation=generation, client_id=client_id)
    unexpired = own.filter(rotated_at__gt=idle_since, expires_at__gt=now)
    return unexpired.update(generation=F("generation") + 1, rotated_at=now)


class FailedLogIn(models.Model):
    """How often logging in failed for one key: an account from one network, an address, an account.

    Times are seconds since the epoch, so that one statement can count, decide and write.
    """

    key = models.CharField(primary_key=True, max_length=100)
    failures = models.PositiveIntegerField()
    since = models.BigIntegerField()
    blocked_until = models.BigIntegerField(db_index=True)

    def __str__(self) -> str:
        return self.key
