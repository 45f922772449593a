"""Who you are: users, roles, sessions, the status of tokens, and the keys that sign them."""

import re
import uuid
from collections.abc import Iterable
from functools import cache
from typing import Any, ClassVar, Self

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.hashers import check_password, make_password
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.devices import name_device
from tokens.scopes import CLIENT_SCOPES, ROLE_SCOPES, SERVICES
from tokens.verification import is_person
from wire.events import Event as AbstractEvent
from wire.statements import Change, Objects, slots

FIRST_PARTY = ("web", "api")
"""The clients of people: our own pages, and whoever calls the API with a person's password."""
CLIENT_MAY_CARRY = (*sorted(CLIENT_SCOPES), "orders:manage", "orders:read", "products:read", "products:write")


def check_role_scopes(scopes: Any) -> None:
    """Raise `ValidationError` unless `scopes` is a list of what a role may carry."""
    if not isinstance(scopes, list) or not set(map(str, scopes)) <= set(ROLE_SCOPES):
        raise ValidationError(f"A role may carry: {', '.join(ROLE_SCOPES)}.")


class Role(models.Model):
    """A name for a set of scopes. People read roles; services decide by scope alone."""

    name = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list, validators=[check_role_scopes])

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


def fold_email(email: str) -> str:
    """An e-mail address as it is stored and compared: in lower case."""
    return email.strip().lower()


class UserManager(BaseUserManager["User"]):
    """Users by their e-mail, however it is written."""

    def get_by_natural_key(self, username: str | None) -> "User":
        return by_email().get(fold_email(username or ""))

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A new user with the customer role."""
        user = self.model(email=email, **fields)
        user.set_password(password)
        return self.admit(user)

    def admit(self, user: "User") -> "User":
        """Store a new user, as a customer."""
        user.save(force_insert=True, using=self._db)
        user.roles.set(Role.objects.filter(name="customer"))
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A new user with the admin role."""
        user = self.create_user(email, password, **fields)
        user.roles.add(Role.objects.get(name="admin"))
        return user


@cache
def by_email() -> Objects["User"]:
    """The user with an e-mail address."""
    [email] = slots(User, "email")
    return Objects(User.objects.filter(email=email).order_by())


class User(AbstractBaseUser):
    """Somebody who can log in. What one may do is in one's roles."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(max_length=254, unique=True, error_messages={"unique": "This e-mail address is taken."})
    name = models.CharField(max_length=200, blank=True)
    is_active = models.BooleanField(default=True)
    roles = models.ManyToManyField(Role, blank=True, related_name="users")
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        ordering = ["email"]
        constraints = [
            models.UniqueConstraint(
                Lower("email"), name="email_is_unique", violation_error_message="This e-mail address is taken."
            ),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def sub(self) -> str:
        return str(self.pk)

    def check_password(self, raw_password: str | None) -> bool:
        """Whether it is the user's; a hash that is weaker than today's is exchanged."""
        outdated: list[str] = []
        if raw_password is None or not check_password(raw_password, self.password, outdated.append):
            return False

        return not outdated or self.strengthen(raw_password)

    def strengthen(self, raw_password: str) -> bool:
        """Hash a password anew that was found right; whether it still is.

        Only the hash that was checked is exchanged: a password set meanwhile stays.
        """
        encoded = make_password(raw_password)
        own = User.objects.filter(pk=self.pk)
        if own.filter(password=self.password).update(password=encoded):
            self.password = encoded
            return True

        self.password = own.values_list("password", flat=True).first() or ""
        return self.check_password(raw_password)

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.email = fold_email(self.email)
        super().save(*args, **kwargs)


@cache
def roles_of() -> Objects[Role]:
    """The roles of one user."""
    [user] = slots(User, "id")
    return Objects(Role.objects.filter(users=user))


def granted(roles: Iterable[Role]) -> list[str]:
    """The scopes that some roles carry together, sorted."""
    return sorted({scope for role in roles for scope in role.scopes})


class TokenStatus(models.Model):
    """One entry of the status lists. Its primary key is its place there, never used twice."""

    id = models.BigAutoField(primary_key=True)
    revoked_at = models.DateTimeField(null=True, db_index=True)

    class Meta:
        verbose_name_plural = "token statuses"

    def __str__(self) -> str:
        return str(self.pk)


class SessionQuerySet(models.QuerySet["Session"]):
    """Log-ins, and the single statements that renew and end them."""

    def alive(self) -> Self:
        return self.filter(ended_at=None)

    def renew(self, session_id: uuid.UUID, *, generation: int, client_id: str, idle_since: Any) -> bool:
        """Move a living session from `generation` to the next; whether this call was the one that did."""
        now = timezone.now()
        return renewing().run(session_id, generation, client_id, idle_since, now) == 1

    def read(self, session_id: uuid.UUID) -> "Session | None":
        """A session with its user and status, if there is one."""
        return by_sid().first(session_id)


@cache
def renewing() -> Change:
    """Move a living session on, if it is a client's, in a generation, not idle since a time and not over now."""
    columns = ("id", "generation", "client_id", "rotated_at", "rotated_at")
    key, generation, client, idle_since, now = slots(Session, *columns)
    own = Session.objects.alive().filter(pk=key, generation=generation, client_id=client)
    found = own.filter(rotated_at__gt=idle_since, expires_at__gt=now)
    return Change(found, generation=F("generation") + 1, rotated_at=now)


@cache
def by_sid() -> Objects["Session"]:
    """A session with its user and status."""
    [key] = slots(Session, "id")
    return Objects(Session.objects.filter(pk=key).select_related("user", "status").order_by())


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


class SigningKey(models.Model):
    """A key pair: announced, then signing, then retired."""

    class State(models.TextChoices):
        ANNOUNCED = "announced"
        SIGNING = "signing"
        RETIRED = "retired"

    kid = models.CharField(primary_key=True, max_length=64)
    algorithm = models.CharField(max_length=8)
    public_jwk = models.JSONField()
    private_key = models.BinaryField(help_text="PKCS #8, encrypted under a key derived from SECRET_KEY.")
    state = models.CharField(max_length=16, choices=State, default=State.ANNOUNCED)
    created_at = models.DateTimeField(default=timezone.now)
    signs_from = models.DateTimeField()
    retired_at = models.DateTimeField(null=True, blank=True)
    published_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["algorithm"], condition=Q(state="signing"), name="one_signing_key_per_algorithm"
            ),
            models.UniqueConstraint(
                fields=["algorithm"], condition=Q(state="announced"), name="one_announced_key_per_algorithm"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kid} ({self.algorithm}, {self.state})"


def check_client_id(client_id: str) -> None:
    """Raise `ValidationError` for an id that could be taken for a person's or for one of our own."""
    if client_id in FIRST_PARTY or is_person(client_id) or not re.fullmatch(r"[a-z][a-z0-9-]{1,63}", client_id):
        raise ValidationError("A slug of 2 to 64 of a-z, 0-9 and -, beginning with a letter, and not web or api.")


def check_client_scopes(scopes: Any) -> None:
    """Raise `ValidationError` unless `scopes` is a list of what a client may carry."""
    if not isinstance(scopes, list) or not set(map(str, scopes)) <= set(CLIENT_MAY_CARRY):
        raise ValidationError(f"A client may carry: {', '.join(CLIENT_MAY_CARRY)}.")


def check_audience(audience: Any) -> None:
    """Raise `ValidationError` unless `audience` is a list of services."""
    if not isinstance(audience, list) or not set(map(str, audience)) <= set(SERVICES):
        raise ValidationError(f"The services are: {', '.join(SERVICES)}.")


class Client(models.Model):
    """A machine that logs in by itself (RFC 6749 4.4); its secret is stored as a hash."""

    client_id = models.CharField(primary_key=True, max_length=64, validators=[check_client_id])
    name = models.CharField(max_length=200)
    secret_hash = models.CharField(max_length=64, editable=False)
    scopes = models.JSONField(default=list, validators=[check_client_scopes])
    audience = models.JSONField(default=list, validators=[check_audience])
    is_active = models.BooleanField(default=True)
    status = models.OneToOneField(TokenStatus, on_delete=models.PROTECT, editable=False, related_name="client")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["client_id"]

    def __str__(self) -> str:
        return self.client_id


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


class Event(AbstractEvent):
    """What happened to accounts: log-ins, failures, revocations, changes of roles and keys."""

    class Meta(AbstractEvent.Meta):
        abstract = False


class Lease(models.Model):
    """Which periodic job ran until when, so that any number of workers may run."""

    job = models.CharField(primary_key=True, max_length=64)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return self.job
