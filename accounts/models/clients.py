"""Machines that log in by themselves."""

import re
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from accounts.models.sessions import TokenStatus
from tokens.scopes import CLIENT_SCOPES, SERVICES
from tokens.verification import is_person

FIRST_PARTY = ("web", "api")
"""The clients of people: our own pages, and whoever calls the API with a person's password."""


def check_client_id(client_id: str) -> None:
    """Raise `ValidationError` for an id that could be taken for a person's or for one of our own."""
    if client_id in FIRST_PARTY or is_person(client_id) or not re.fullmatch(r"[a-z][a-z0-9-]{1,63}", client_id):
        raise ValidationError("A slug of 2 to 64 of a-z, 0-9 and -, beginning with a letter, and not web or api.")


def check_client_scopes(scopes: Any) -> None:
    """Raise `ValidationError` unless `scopes` is a list of what a client may carry."""
    if not isinstance(scopes, list) or not set(map(str, scopes)) <= set(CLIENT_SCOPES):
        raise ValidationError(f"A client may carry: {', '.join(CLIENT_SCOPES)}.")


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
