"""The key pairs that sign tokens."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from database import clock


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
    created_at = clock.TimeField(default=timezone.now)
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
