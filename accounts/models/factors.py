"""What people prove themselves with beside a password: an app, recovery codes, passkeys."""

import uuid

from django.db import models
from django.utils import timezone

from accounts.models.people import User
from database import clock
from wire.text_fields import LineField


class Totp(models.Model):
    """An authenticator app (RFC 6238)."""

    user = models.OneToOneField(User, primary_key=True, on_delete=models.CASCADE, related_name="totp")
    secret = models.BinaryField(help_text="Encrypted under a key derived from SECRET_KEY.")
    last_step = models.BigIntegerField(help_text="The last step, of 30 seconds, whose code was used.")
    created_at = clock.TimeField(default=timezone.now)

    def __str__(self) -> str:
        return str(self.user_id)


class RecoveryCode(models.Model):
    """A code that is good once. Its first character is its number, by which it is found; all of it is hashed."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="recovery_codes")
    number = models.PositiveSmallIntegerField()
    hashed = models.CharField(max_length=128)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "number"], name="one_recovery_code_per_number"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id}, {self.number}"


class Passkey(models.Model):
    """A public key whose private half is on a device of its owner, or with their password manager (WebAuthn)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="passkeys")
    credential_id = models.CharField(max_length=1400, unique=True, editable=False, help_text="In base64url.")
    public_key = models.BinaryField(help_text="A COSE key.")
    sign_count = models.BigIntegerField(help_text="How often it signed; 0 from those that do not count.")
    name = LineField(max_length=64)
    created_at = clock.TimeField(default=timezone.now)
    used_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.name


class SpentChallenge(models.Model):
    """A challenge that was answered: the second answer finds it here. It is kept until it would have expired."""

    digest = models.CharField(primary_key=True, max_length=64)
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.digest
