"""People: users, their roles, and the scopes that roles carry."""

import uuid
from collections.abc import Iterable
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.hashers import check_password, make_password
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Lower

from accounts.models.demo_accounts import DEMO_EMAILS, DemoPasswordValidator
from database import prepared
from tokens.scopes import ROLE_SCOPES


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


class GrantedScope(models.Model):
    """A scope that roles were given when its service was new: what staff change after that stays."""

    name = models.CharField(primary_key=True, max_length=64)

    def __str__(self) -> str:
        return self.name


def fold_email(email: str) -> str:
    """An e-mail address as it is stored and compared: in lower case."""
    return email.strip().lower()


class UserManager(BaseUserManager["User"]):
    """Users by their e-mail, however it is written."""

    def get_by_natural_key(self, username: str | None) -> "User":
        return user_by_email.get(email=fold_email(username or ""))

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

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.create_user(email, password, **fields)
        user.roles.add(Role.objects.get(name="admin"))
        return user


class User(AbstractBaseUser):
    """A person who can log in. What they may do is in their roles."""

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

    @property
    def may_log_in(self) -> bool:
        """Whether the account is active, and in production none of the demo's."""
        return self.is_active and (settings.DEVELOPMENT or DEMO_EMAILS.get(self.pk) != self.email)

    def check_password(self, raw_password: str | None) -> bool:
        """Whether it is the user's; a hash that is weaker than today's is exchanged."""
        outdated: list[str] = []
        if raw_password is None or not check_password(raw_password, self.password, outdated.append):
            return False

        return not outdated or self.rehash(raw_password)

    def rehash(self, raw_password: str) -> bool:
        """Hash a right password anew, unless another was set meanwhile, which stays; whether it still is right."""
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


@prepared.objects(User, email="email")
def user_by_email(email: str) -> models.QuerySet[User]:
    return User.objects.filter(email=email).order_by()


@prepared.objects(Role, user_id="users__id")
def roles_of(user_id: uuid.UUID) -> models.QuerySet[Role]:
    return Role.objects.filter(users=user_id)


def combined_scopes(roles: Iterable[Role]) -> list[str]:
    """The scopes that some roles carry together, sorted; none of a service that is gone."""
    return sorted({scope for role in roles for scope in role.scopes}.intersection(ROLE_SCOPES))
