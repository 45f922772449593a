"""The JSON bodies that accounts takes and answers with."""

from typing import Any

from rest_framework import serializers

from accounts.models import fold_email
from tokens.encryption import MAX_JWE
from wire.serializers import PageLinks, StrictSerializer, Text


class Credentials(StrictSerializer):
    """An e-mail address and a password."""

    email = Text(max_length=254)
    password = Text(max_length=4096, trim_whitespace=False)


class RefreshRequest(StrictSerializer):
    """A refresh token."""

    refresh = Text(max_length=8192)


class VerifyRequest(StrictSerializer):
    """An access token, encrypted or not."""

    token = Text(max_length=MAX_JWE)


class GrantAnswer(serializers.Serializer[object]):
    """A pair of tokens; `expires_in` is the life of the access token in seconds."""

    access = serializers.CharField()
    refresh = serializers.CharField()
    token_type = serializers.ChoiceField(choices=["Bearer"])
    expires_in = serializers.IntegerField()


class Empty(serializers.Serializer[object]):
    """Nothing to say but that it is done."""


class Email(Text):
    """An e-mail address, in lower case from here on."""

    default_validators = [serializers.EmailField().validators[-1]]

    def to_internal_value(self, data: Any) -> str:
        return fold_email(super().to_internal_value(data))


class Registration(StrictSerializer):
    """A new user."""

    email = Email(max_length=254)
    password = Text(max_length=4096, trim_whitespace=False)
    name = Text(max_length=200)


class Profile(StrictSerializer):
    """What users may change about themselves."""

    name = Text(max_length=200, required=False)


class Confirmation(StrictSerializer):
    """The current password, for what cannot be undone."""

    current_password = Text(max_length=4096, trim_whitespace=False)


class PasswordChange(Confirmation):
    """The current password and the one to have."""

    new_password = Text(max_length=4096, trim_whitespace=False)


class EmailChange(Confirmation):
    """The current password and the e-mail address to have."""

    email = Email(max_length=254)


class SessionAnswer(serializers.Serializer[object]):
    """One log-in."""

    id = serializers.UUIDField()
    client_id = serializers.CharField()
    device = serializers.CharField(allow_blank=True)
    address = serializers.IPAddressField(allow_null=True)
    created_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    current = serializers.BooleanField()


class SessionList(PageLinks):
    """Where the caller is logged in."""

    results = SessionAnswer(many=True)


class Me(serializers.Serializer[object]):
    """A user, as they see themselves."""

    id = serializers.UUIDField()
    email = serializers.EmailField()
    name = serializers.CharField(allow_blank=True)
    roles = serializers.ListField(child=serializers.CharField())
    scopes = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
