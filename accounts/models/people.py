"""People: users, their roles, and the scopes that roles carry."""

import hashlib
import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.db.models.functions import Lower, Upper

from accounts.models.demo_accounts import DEMO_EMAILS, DemoPasswordValidator
from accounts.models.events import Event
from database import clock, prepared
from tokens.scopes import ROLE_SCOPES
from wire import text
from wire.events import Named
from wire.text_fields import EmailField, LineField


def check_role_scopes(scopes: Any) -> None:
    """Raise `ValidationError` unless `scopes` is a list of what a role may carry."""
    if not isinstance(scopes, list) or not set(map(str, scopes)) <= set(ROLE_SCOPES):
        raise ValidationError(f"A role may carry: {', '.join(ROLE_SCOPES)}.")


class Role(models.Model):
    """A name for a set of scopes. People read roles; services decide by scope alone."""

    name = LineField(max_length=64, unique=True)
    scopes = models.JSONField(default=list, validators=[check_role_scopes])
    revoked_at = models.DateTimeField(
        null=True, editable=False, help_text="When every token of the people with this role was revoked at once."
    )
    revoked_through = models.BigIntegerField(
        null=True, editable=False, help_text="The last entry of the status lists that this was about."
    )
    deleted_at = models.DateTimeField(
        null=True, editable=False, help_text="When it was deleted; its people are taken out of it in time."
    )

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


def were_revoked_since(roles: Iterable[Role], entry: int, since: datetime) -> bool:
    """Whether the tokens of an entry were revoked with those of one of some roles."""
    revoked = [role for role in roles if role.revoked_at and role.revoked_at >= since]
    return any(role.revoked_through is None or entry <= role.revoked_through for role in revoked)


class GrantedScope(models.Model):
    """A scope that roles were given when its service was new: what staff change after that stays."""

    name = models.CharField(primary_key=True, max_length=64)

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    """Users by their e-mail, however it is written."""

    def get_by_natural_key(self, username: str | None) -> "User":
        email = text.email(username or "")
        found = user_by_email.first(email=email)
        if found is None and "xn--" in email:
            # Perhaps it is older than its normal form, and could not be brought into it.
            found = user_by_email.first(email=text.email_in_unicode(email))
        if found is None:
            raise self.model.DoesNotExist

        return found

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A new user with the customer role; raises `ValidationError` for the demo's password in production."""
        DemoPasswordValidator().validate(password)
        user = self.model(email=email, **fields)
        user.set_password(password)
        return self.add_customer(user)

    def add_customer(self, user: "User") -> "User":
        user.save(force_insert=True, using=self._db)
        user.roles.set(Role.objects.filter(name="customer"))
        return user

    @transaction.atomic
    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A new user with the role admin as well, or none at all, for whoever has lost the way in.

        Raises `ValidationError` for a poor or missing password, an address that is none or taken, a missing role.
        """
        role = Role.objects.filter(name="admin").first()
        if not role:
            raise ValidationError("There is no role admin: `manage.py migrate` makes it.")

        user = self.model(email=email, email_verified_at=clock.now(), **fields)
        user.full_clean(exclude=["password"])
        if not password:
            raise ValidationError("An admin needs a password: put it into DJANGO_SUPERUSER_PASSWORD.")
        validate_password(password, user)
        user.set_password(password)
        try:
            with transaction.atomic():
                self.add_customer(user).roles.add(role)
        except IntegrityError as error:
            raise ValidationError("This e-mail address is taken.") from error
        Event.objects.record(user, "superuser created", by=Named("createsuperuser"))
        return user


class User(AbstractBaseUser):
    """A person who can log in. What they may do is in their roles."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = EmailField(max_length=254, unique=True, error_messages={"unique": "This e-mail address is taken."})
    name = LineField(max_length=200, blank=True)
    is_active = models.BooleanField(default=True)
    roles = models.ManyToManyField(
        Role, blank=True, related_name="users", limit_choices_to={"deleted_at__isnull": True}
    )
    created_at = clock.TimeField(auto_now_add=True)
    email_verified_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When the person showed that they read mail at the address."
    )
    pending_email = EmailField(
        max_length=254,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="What the address is to be, once it is confirmed.",
    )
    has_second_factor = models.BooleanField(
        default=False, db_default=False, editable=False, help_text="Whether a password alone does not open a session."
    )

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        ordering = ["email"]
        indexes = [
            models.Index(fields=["created_at", "id"], name="user_by_age"),
            models.Index(fields=["created_at", "id"], condition=models.Q(is_active=False), name="user_disabled"),
            models.Index(Upper("name"), name="user_by_name"),
        ]
        constraints = [
            models.UniqueConstraint(
                Lower("email"), name="email_is_unique", violation_error_message="This e-mail address is taken."
            ),
        ]

    def __str__(self) -> str:
        return self.email

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self._state.adding:
            # The first password is no change of one, of which validators would be told.
            self._password = None
        super().save(*args, **kwargs)

    @property
    def sub(self) -> str:
        return str(self.pk)

    @property
    def may_log_in(self) -> bool:
        """Whether the account is active, and in production none of the demo's."""
        return self.is_active and (settings.DEVELOPMENT or DEMO_EMAILS.get(self.pk) != self.email)

    @property
    def password_mark(self) -> str:
        """What tells the hash of the password from any other, and says nothing of it."""
        return hashlib.sha256(self.password.encode()).hexdigest()[:16]

    def check_password(self, raw_password: str | None) -> bool:
        """Whether it is the user's, in its normal form or, if that is older, as it is typed; then, and where a hash
        is weaker than today's, it is exchanged."""
        if raw_password is None:
            return False

        plain = text.password(raw_password)
        outdated: list[str] = []
        for typed in dict.fromkeys((plain, raw_password)):
            if check_password(typed, self.password, outdated.append):
                return (typed == plain and not outdated) or self.rehash(raw_password)

        return False

    def rehash(self, raw_password: str) -> bool:
        """Hash a right password anew, unless another was set meanwhile, which stays; whether it still is right."""
        before, encoded = self.password_mark, make_password(raw_password)
        own = User.objects.filter(pk=self.pk)
        with transaction.atomic():
            if own.filter(password=self.password).update(password=encoded):
                self.password = encoded
                self.sessions.filter(password_mark=before).update(password_mark=self.password_mark)
                return True

        self.password = own.values_list("password", flat=True).first() or ""
        return self.check_password(raw_password)


@prepared.objects(User, email="email")
def user_by_email(email: str) -> models.QuerySet[User]:
    return User.objects.filter(email=email).order_by()


@prepared.update(User, user_id="id", hashed="password", now="last_login")
def lock_user(user_id: uuid.UUID, hashed: str, now: datetime) -> int:
    """Note that a user logs in, and hold their row until the caller's transaction ends; 1 if they may log in and have
    that hash of a password."""
    return User.objects.filter(pk=user_id, password=hashed, is_active=True).update(last_login=now)


@prepared.objects(Role, user_id="users__id")
def roles_of(user_id: uuid.UUID) -> models.QuerySet[Role]:
    return Role.objects.filter(users=user_id)


@prepared.objects(Role, session_id="users__sessions__id")
def roles_of_session(session_id: uuid.UUID) -> models.QuerySet[Role]:
    """The roles of the person of a session."""
    return Role.objects.filter(users__sessions=session_id)


def combined_scopes(roles: Iterable[Role]) -> list[str]:
    """The scopes that some roles carry together, sorted; none of a service that is gone."""
    return sorted({scope for role in roles for scope in role.scopes}.intersection(ROLE_SCOPES))
