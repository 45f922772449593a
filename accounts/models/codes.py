"""Authorization codes: what a browser takes to an app, which exchanges it once (RFC 6749 4.1)."""

from django.db import models

from accounts.models.clients import Client
from accounts.models.sessions import Session
from database import clock


class AuthorizationCodeQuerySet(models.QuerySet["AuthorizationCode"]):
    """Codes, of which those that were used are kept for a while: a second use ends what they opened."""

    def void(self) -> None:
        """Have none of these that is not used yet open anything."""
        self.filter(used_at=None).update(used_at=clock.now())


class AuthorizationCode(models.Model):
    """One answer of a person to one request of an app; the code itself is stored as a hash."""

    code_hash = models.CharField(primary_key=True, max_length=64)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    given_in = models.ForeignKey(
        Session, on_delete=models.CASCADE, related_name="+", help_text="The session of the browser."
    )
    redirect_uri = models.TextField()
    code_challenge = models.CharField(max_length=43)
    nonce = models.CharField(max_length=255, blank=True)
    scopes = models.JSONField(default=list)
    audience = models.JSONField(default=list)
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)
    opened = models.ForeignKey(
        Session, null=True, on_delete=models.SET_NULL, related_name="+", help_text="The session of the app."
    )

    objects = AuthorizationCodeQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.client_id} for {self.given_in_id}"
