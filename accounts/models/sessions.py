"""Sessions, the status of their tokens, and how often logging in failed."""

import uuid
from datetime import datetime
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import F
from django.utils import timezone

from accounts.models.people import Role, User
from accounts.models.user_agents import name_device
from database import clock, prepared


class TokenStatus(models.Model):
    """One entry of the status lists. Its primary key is its place there, never used twice."""

    id = models.BigAutoField(primary_key=True)
    revoked_at = models.DateTimeField(null=True, db_index=True)

    class Meta:
        verbose_name_plural = "token statuses"

    def __str__(self) -> str:
        return str(self.pk)


class RevokedRole(models.Model):
    """The entries that were revoked with a role up to one of them, as words of 32; read once, by whoever revoked."""

    role = models.OneToOneField(Role, primary_key=True, on_delete=models.CASCADE, related_name="+")
    through = models.BigIntegerField()
    numbers = models.BinaryField(help_text="Of the words, 8 bytes each.")
    masks = models.BinaryField(help_text="What is set in each, 4 bytes.")

    def __str__(self) -> str:
        return f"{self.role_id} up to {self.through}"


class SessionQuerySet(models.QuerySet["Session"]):
    """Log-ins, and the single statements that renew them."""

    def alive(self) -> Self:
        """Those that were not ended; they may have expired."""
        return self.filter(ended_at=None)

    def unexpired(self) -> Self:
        now = clock.now()
        return self.filter(expires_at__gt=now, rotated_at__gt=now - settings.REFRESH_IDLE_LIFETIME)

    def with_access_tokens(self) -> Self:
        """As `unexpired`, and those whose last access token may outlive them."""
        now = clock.now()
        idle_since = now - settings.REFRESH_IDLE_LIFETIME
        return self.filter(expires_at__gt=now - settings.TOKEN_LIFETIME, rotated_at__gt=idle_since)

    def of_browsers(self) -> Self:
        """Log-ins of people themselves; those of apps stand apart."""
        return self.filter(scopes__isnull=True)

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
    created_at = clock.TimeField(default=timezone.now)
    rotated_at = clock.TimeField("last used", default=timezone.now)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True, db_index=True)
    end_reason = models.CharField(max_length=32, blank=True)
    auth_time = models.DateTimeField(
        "proven at", null=True, help_text="When the person last proved who they are; never since the log-in, if null."
    )
    amr = models.CharField(
        "proven by", max_length=64, blank=True, default="", db_default="", help_text="Methods by RFC 8176."
    )
    second_factor_at = models.DateTimeField(null=True, help_text="When that was last by two factors.")
    password_mark = models.CharField(max_length=16, blank=True, default="", db_default="", editable=False)
    scopes = models.JSONField(
        null=True, editable=False, help_text="What an app may do at the most; none: whatever the person may."
    )
    audience = models.JSONField(null=True, editable=False, help_text="The services that it may call; none: all.")

    objects = SessionQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        # None has a column that a refresh changes: it would have to write in each of them.
        indexes = [
            models.Index(fields=["created_at", "id"], name="session_by_age"),
            models.Index(fields=["client_id", "created_at", "id"], name="session_by_client"),
            models.Index(fields=["address"], name="session_by_address"),
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.device_name if self.device else self.client_id})"

    @property
    def proven_at(self) -> datetime:
        return self.auth_time or self.created_at

    @property
    def acr(self) -> str:
        """How sure it is who is there: `aal2` by two factors, lately, else `aal1` (NIST SP 800-63B)."""
        since = clock.now() - settings.STAFF_FACTOR_AGE
        return "aal2" if self.second_factor_at and self.second_factor_at > since else "aal1"

    @property
    def kind(self) -> str:
        """What the person was logged in by, in a word they know."""
        return "Browser" if self.client_id == "web" else "App or program"

    @property
    def device_name(self) -> str:
        return name_device(self.device)


@prepared.objects(Session, "user", "status", session_id="id")
def session_by_id(session_id: uuid.UUID) -> models.QuerySet[Session]:
    """A session with its user and status."""
    return Session.objects.filter(pk=session_id).order_by()


@prepared.rows(Session, user_id="user", now="expires_at", idle_since="rotated_at")
def living_sessions(
    user_id: uuid.UUID, now: datetime, idle_since: datetime, is_app: bool
) -> "models.QuerySet[Session, Any]":
    """The ids of a user's sessions that go on, of apps or of none, those used last first."""
    alike = Session.objects.alive().filter(user=user_id, scopes__isnull=not is_app)
    return alike.filter(expires_at__gt=now, rotated_at__gt=idle_since).order_by("-rotated_at", "-pk").values("id")


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
