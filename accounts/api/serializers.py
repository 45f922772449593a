"""The JSON bodies that accounts takes and answers with."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from tokens.encryption import MAX_JWE
from tokens.verification import SCOPE_WORDS
from wire import text
from wire.api.examples import ALICE
from wire.api.serializers import PageLinks, Password, StrictSerializer, Text
from wire.queries import Query
from wire.text_fields import EmailAddressValidator

ACCESS = "eyJ0eXAiOiJhdCtqd3QiLCAuLi59.eyJpc3MiOiAiLi4uIn0.c2lnbmF0dXJl"
REFRESH = "eyJ0eXAiOiJydCtqd3QiLCAuLi59.eyJpc3MiOiAiLi4uIn0.c2lnbmF0dXJl"
"""Tokens as they look in examples; the real ones are longer."""
CHALLENGE = "WyJzZWNvbmQgZmFjdG9yIl0:1vTZkq:q3Rk"
MAX_CHALLENGE = 1024


class Code(Text):
    """A code of an app, or a recovery code, with any spaces and hyphens."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=64, **kwargs)


class CredentialField(serializers.DictField):
    """A `PublicKeyCredential` as JSON (WebAuthn 5.1); the bounds of a body hold for it."""


class Credentials(StrictSerializer):
    """An e-mail address and a password."""

    examples = {"email": "alice@example.com", "password": "tessera-demo"}
    email = Text(max_length=254, normal_form=text.email, help_text="Also taken as `username`, as SimpleJWT calls it.")
    password = Password()

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and "username" in data and "email" not in data:
            data = {"email" if name == "username" else name: value for name, value in data.items()}
        return super().to_internal_value(data)


class RefreshRequest(StrictSerializer):
    """A refresh token."""

    examples = {"refresh": REFRESH}
    refresh = Text(max_length=8192, normal_form=str.strip)


class VerifyRequest(StrictSerializer):
    """An access token, encrypted or not."""

    examples = {"token": ACCESS}
    token = Text(max_length=MAX_JWE, normal_form=str.strip)


class WantedToken(Query):
    """What a gateway wants of a bearer's token."""

    audience = serializers.CharField(
        required=False,
        max_length=64,
        help_text="The service that the token has to be for; without it the answer is 400.",
    )
    scope = serializers.RegexField(
        f"^{SCOPE_WORDS.pattern}$",
        required=False,
        max_length=500,
        help_text="Scopes that it has to carry, all of them.",
    )


class GrantAnswer(serializers.Serializer[object]):
    """A pair of tokens; `expires_in` is the life of the access token in seconds."""

    examples = {"access": ACCESS, "refresh": REFRESH, "expires_in": 600}
    access = serializers.CharField()
    refresh = serializers.CharField()
    token_type = serializers.ChoiceField(choices=["Bearer"])
    expires_in = serializers.IntegerField()


class SecondFactor(StrictSerializer):
    """The challenge that a right password earned, and the answer to it: a code, or a passkey."""

    examples = {"challenge": CHALLENGE, "code": "492039"}
    challenge = Text(max_length=MAX_CHALLENGE, normal_form=str.strip)
    code = Code(required=False)
    credential = CredentialField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("code" in attrs) == ("credential" in attrs):
            raise serializers.ValidationError({"code": ["Send a code or a credential."]})
        return attrs


class PasskeyLogIn(StrictSerializer):
    """A passkey's answer to the challenge of `/api/token/passkey/options/`."""

    examples = {"credential": {"id": "pD4kJ0", "type": "public-key", "response": {}}}
    credential = CredentialField()


class Options(serializers.Serializer[object]):
    """What `navigator.credentials` of a browser is asked for (WebAuthn 5.1), as JSON."""

    examples = {"publicKey": {"challenge": CHALLENGE, "rpId": "shop.example", "userVerification": "required"}}
    publicKey = serializers.DictField()  # noqa: N815


class PasskeyAnswer(serializers.Serializer[object]):
    """A passkey of the caller."""

    examples = {"name": "Phone"}
    id = serializers.UUIDField()
    name = serializers.CharField()
    created_at = serializers.DateTimeField()
    used_at = serializers.DateTimeField(allow_null=True)


class FactorsAnswer(serializers.Serializer[object]):
    """The caller's second factors; `totp` is since when there is an app, `recovery_codes` how many are left."""

    examples = {"recovery_codes": 10}
    totp = serializers.DateTimeField(allow_null=True)
    passkeys = PasskeyAnswer(many=True)
    recovery_codes = serializers.IntegerField()


class TotpSetup(serializers.Serializer[object]):
    """A secret for an app, as text and as an address for a QR code; `setup` is sent back with the first code."""

    examples = {
        "secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
        "uri": "otpauth://totp/Tessera:alice%40example.com?secret=JBSWY3DPEHPK3PXP&issuer=Tessera",
        "setup": CHALLENGE,
    }
    secret = serializers.CharField()
    uri = serializers.CharField()
    setup = serializers.CharField()


class TotpCode(StrictSerializer):
    """What setting up began with, and a code of the app."""

    examples = {"setup": CHALLENGE, "code": "492039"}
    setup = Text(max_length=MAX_CHALLENGE, normal_form=str.strip)
    code = Code()


class NewPasskey(StrictSerializer):
    """What a browser made, and how its owner calls it."""

    examples = {"name": "Phone", **PasskeyLogIn.examples}
    name = Text(max_length=64)
    credential = CredentialField()


class PasskeyName(StrictSerializer):
    """How its owner calls a passkey."""

    examples = {"name": "Old phone"}
    name = Text(max_length=64)


class RecoveryCodes(serializers.Serializer[object]):
    """Codes that open once each, shown this once."""

    examples = {"codes": ["3K7Q-P2MX-9RTC"]}
    codes = serializers.ListField(child=serializers.CharField())


class Empty(serializers.Serializer[object]):
    """Nothing to say but that it is done."""


class Email(Text):
    """An e-mail address, in its normal form from here on."""

    default_validators = [EmailAddressValidator()]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(normal_form=text.email, max_length=254, **kwargs)


class Registration(StrictSerializer):
    """A new user."""

    examples = {"email": "erin@example.com", "password": "correct horse battery", "name": "Erin"}
    email = Email()
    password = Password()
    name = Text(max_length=200)


class Profile(StrictSerializer):
    """What users may change about themselves."""

    examples = {"name": "Alice Miller"}
    name = Text(max_length=200, required=False)


class Confirmation(StrictSerializer):
    """The current password, for what cannot be undone."""

    examples = {"current_password": "tessera-demo"}
    current_password = Password()


class PasswordChange(Confirmation):
    """The current password and the one to have."""

    examples = {**Confirmation.examples, "new_password": "correct horse battery"}
    new_password = Password()


class EmailChange(Confirmation):
    """The current password and the e-mail address to have."""

    examples = {**Confirmation.examples, "email": "alice.miller@example.com"}
    email = Email()


class EmailConfirmation(StrictSerializer):
    """What the link in a mail ends with."""

    examples = {"token": "d7t4ir-4f1b2c7e0a9d8e6f5c3b2a1908172635"}
    token = Text(max_length=200, normal_form=str.strip)


class SessionAnswer(serializers.Serializer[object]):
    """One log-in."""

    examples = {"client_id": "web", "device": "Firefox on Linux", "address": "203.0.113.9"}
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

    examples = {
        **ALICE,
        "email_verified": True,
        "pending_email": None,
        "roles": ["customer"],
        "scopes": ["account", "orders:read", "orders:write", "products:read"],
    }
    id = serializers.UUIDField()
    email = serializers.EmailField()
    email_verified = serializers.BooleanField(help_text="Whether it is confirmed; until then there are no orders.")
    pending_email = serializers.EmailField(
        allow_null=True, help_text="The address that replaces it as soon as it is confirmed."
    )
    name = serializers.CharField(allow_blank=True)
    roles = serializers.ListField(child=serializers.CharField())
    scopes = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField()


class UserInfo(serializers.Serializer[object]):
    """Who somebody is; `name` with the scope `profile`, `email` and `email_verified` with the scope `email`."""

    examples = {"sub": ALICE["id"], "name": ALICE["name"], "email": ALICE["email"], "email_verified": True}
    sub = serializers.CharField()
    name = serializers.CharField(required=False)
    email = serializers.EmailField(required=False)
    email_verified = serializers.BooleanField(required=False)
