"""What people let apps do."""

from django.db import models

from accounts.models.clients import Client
from accounts.models.people import User
from database import clock


class Consent(models.Model):
    """What one person lets one app do, remembered until they end it."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="consents")
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    scopes = models.JSONField(default=list)
    given_at = clock.TimeField(auto_now_add=True)
    used_at = clock.TimeField("last used", auto_now_add=True)

    class Meta:
        ordering = ["-given_at"]
        constraints = [models.UniqueConstraint(fields=["user", "client"], name="one_consent_per_app")]

    def __str__(self) -> str:
        return f"{self.user} to {self.client_id}"
