"""Machines that log in by themselves, and apps that people log in to."""

import re
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from accounts.models.redirects import check_redirects
from accounts.models.sessions import TokenStatus
from database import clock
from tokens.keys import PRIVATE_MEMBERS, import_key
from tokens.scopes import APP_SCOPES, CLIENT_SCOPES, SERVICES
from tokens.verification import FIRST_PARTY, is_person
from wire.text_fields import LineField

MOST_KEYS = 10
ALGORITHMS = {"EC": "ES256", "RSA": "RS256", "OKP": "EdDSA"}
"""What a client signs with, by the type of its key (RFC 7518 6.1)."""


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


def check_app_scopes(scopes: Any) -> None:
    """Raise `ValidationError` unless `scopes` is a list of what a person may let an app do."""
    if not isinstance(scopes, list) or not set(map(str, scopes)) <= set(APP_SCOPES):
        raise ValidationError(f"People may let an app do: {', '.join(APP_SCOPES)}.")


def check_keys(document: Any) -> None:
    """Raise `ValidationError` unless it is a JWK set (RFC 7517 5) of public keys that we can verify with."""
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list) or not 1 <= len(keys) <= MOST_KEYS:
        raise ValidationError(f'A JWK set, {{"keys": [...]}}, of 1 to {MOST_KEYS} keys.')

    for jwk in keys:
        if not isinstance(jwk, dict) or str(jwk.get("kty")) not in ALGORITHMS or PRIVATE_MEMBERS & jwk.keys():
            raise ValidationError("Each key is public, and of the type EC, RSA or OKP.")
        try:
            import_key(jwk, ALGORITHMS[jwk["kty"]])
        except ValueError as error:
            raise ValidationError(str(error)) from error


class Client(models.Model):
    """A machine that logs in by itself (RFC 6749 4.4), or, with redirect addresses, an app that people log in to.

    Secrets are stored as hashes; of two, the former works until its time is over.
    """

    client_id = models.CharField(primary_key=True, max_length=64, validators=[check_client_id])
    name = LineField(max_length=200)
    secret_hash = models.CharField(max_length=64, editable=False)
    former_secret_hash = models.CharField(max_length=64, editable=False, blank=True, default="", db_default="")
    former_secret_until = models.DateTimeField(null=True, editable=False)
    scopes = models.JSONField(default=list, validators=[check_client_scopes])
    audience = models.JSONField(default=list, validators=[check_audience])
    redirect_uris = models.TextField(
        "redirect addresses",
        blank=True,
        default="",
        db_default="",
        validators=[check_redirects],
        help_text="Where people are sent back to from the log-in, one on each line: an app has some, a machine none.",
    )
    logout_uris = models.TextField(
        "addresses after the log-out",
        blank=True,
        default="",
        db_default="",
        validators=[check_redirects],
        help_text="Where they may be sent after they logged out, one on each line.",
    )
    app_scopes = models.JSONField(
        "what people may let it do",
        null=True,
        blank=True,
        validators=[check_app_scopes],
        help_text="What the app may ask people for; it never gets more than they may do themselves.",
    )
    is_public = models.BooleanField(
        "public",
        default=False,
        db_default=False,
        help_text="It cannot keep a secret, as a page or an app on a phone: it has none.",
    )
    is_first_party = models.BooleanField(
        "first-party",
        default=False,
        db_default=False,
        help_text="It is the shop's own: nobody is asked whether it may.",
    )
    jwks = models.JSONField(
        "keys",
        null=True,
        blank=True,
        validators=[check_keys],
        help_text="A JWK set of public keys with which it may prove who it is instead of a secret (private_key_jwt).",
    )
    logo_text = LineField(
        max_length=4,
        blank=True,
        default="",
        db_default="",
        help_text="Up to four letters that stand for it; the first of its name, if empty.",
    )
    is_active = models.BooleanField(default=True)
    status = models.OneToOneField(TokenStatus, on_delete=models.PROTECT, editable=False, related_name="client")
    created_at = clock.TimeField(auto_now_add=True)

    class Meta:
        ordering = ["client_id"]

    def __str__(self) -> str:
        return self.client_id

    def clean(self) -> None:
        """Raise `ValidationError` for a client that would prove less than its keys promise."""
        if self.is_public and self.jwks:
            raise ValidationError({"jwks": "A public client proves nothing, and has no keys."})

    @property
    def is_app(self) -> bool:
        """Whether people log in to it."""
        return bool(self.redirect_uris)

    @property
    def logo(self) -> str:
        return self.logo_text or self.name[:1].upper()


class UsedAssertion(models.Model):
    """A signed assertion by which a client proved who it is: none is taken twice (RFC 7523 3)."""

    key = models.CharField(primary_key=True, max_length=64, help_text="A hash of the client and the `jti`.")
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.key
