"""What browsers are asked for and answer with passkeys: JSON as `PublicKeyCredential` of browsers reads and writes it.

The relying party and its origin are those of `ISSUER`.
"""

import struct
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

import orjson
import webauthn
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from django.conf import settings
from webauthn.helpers import (
    base64url_to_bytes,
    parse_authentication_credential_json,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from accounts.factors import challenges
from accounts.factors.challenges import FactorRefused
from accounts.models import Passkey, User

TIMEOUT = int(challenges.LIFETIME.total_seconds() * 1000)
REQUIRED = UserVerificationRequirement.REQUIRED
OF_CERTIFICATES = (UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)
MALFORMED = (
    WebAuthnException,
    *(ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError, struct.error),
    *OF_CERTIFICATES,
)
"""What the library, and those by which it reads keys and certificates, raise for an answer that they cannot read, or do
not believe."""
MAX_ID = 1023
"""Bytes of the id of a passkey (WebAuthn 7.1)."""


def relying_party() -> str:
    """The RP ID: the host of the shop."""
    return urlsplit(settings.ISSUER).hostname or ""


def own_origin() -> str:
    """The issuer as browsers say it: without a port that goes without saying (RFC 6454 6.2)."""
    usual = ":443" if settings.ISSUER.startswith("https:") else ":80"
    return str(settings.ISSUER).removesuffix(usual)


def write_adding(user: User, challenge: str, *, known: Iterable[str]) -> str:
    """What a browser is asked for to make a passkey of a user, on none that has one of those known."""
    options = webauthn.generate_registration_options(
        rp_id=relying_party(),
        rp_name=settings.SELLER.partition("\n")[0],  # The address of who sells may follow.
        user_id=user.pk.bytes,
        user_name=user.email,
        user_display_name=user.name or user.email,
        challenge=challenge.encode(),
        timeout=TIMEOUT,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=REQUIRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=base64url_to_bytes(known_id)) for known_id in known],
    )
    return webauthn.options_to_json(options)


def write_asking(challenge: str, *, known: Iterable[str]) -> str:
    """What a browser is asked for to answer a challenge with one of the passkeys known, or any that it has here."""
    options = webauthn.generate_authentication_options(
        rp_id=relying_party(),
        challenge=challenge.encode(),
        timeout=TIMEOUT,
        allow_credentials=[PublicKeyCredentialDescriptor(id=base64url_to_bytes(known_id)) for known_id in known],
        user_verification=REQUIRED,
    )
    return webauthn.options_to_json(options)


def write_unknown(credential_id: str) -> str:
    """What a browser is told of a passkey that nobody has here (`signalUnknownCredential` of WebAuthn, level 3)."""
    return orjson.dumps({"rpId": relying_party(), "credentialId": credential_id}).decode()


def read_made(credential: str) -> tuple[str, Any]:
    """The challenge that a new passkey answers, and the passkey as it describes itself; raises `FactorRefused`."""
    try:
        parsed = parse_registration_credential_json(credential)
        challenge = read_challenge(parsed)
        made = webauthn.verify_registration_response(
            credential=parsed,
            expected_challenge=challenge.encode(),
            expected_rp_id=relying_party(),
            expected_origin=own_origin(),
            require_user_verification=True,
        )
        check_id(made.credential_id)
        return challenge, made
    except MALFORMED as error:
        raise FactorRefused("The passkey could not be read. Try again.") from error


def check_id(credential_id: bytes) -> None:
    """Raise `ValueError` for an id that is longer than one may be, which the library takes."""
    if len(credential_id) > MAX_ID:
        raise ValueError(f"The id has more than {MAX_ID} bytes.")


def read_challenge(parsed: Any) -> str:
    """The challenge that was answered; raises `ValueError` if that was in a frame of another site, which the library
    does not ask."""
    client = parse_client_data_json(parsed.response.client_data_json)
    if client.cross_origin:
        raise ValueError("No page of ours is in a frame.")
    return client.challenge.decode("ascii")


def read_answer(credential: str) -> tuple[Any, str]:
    """What a passkey answered, and the challenge in it; raises `FactorRefused`."""
    try:
        parsed = parse_authentication_credential_json(credential)
        return parsed, read_challenge(parsed)
    except MALFORMED as error:
        raise FactorRefused("The passkey could not be read. Try again.") from error


def check_signature(parsed: Any, challenge: str, passkey: Passkey) -> int:
    """The sign count that a passkey states; raises `FactorRefused` unless it signed the challenge here."""
    try:
        return webauthn.verify_authentication_response(
            credential=parsed,
            expected_challenge=challenge.encode(),
            expected_rp_id=relying_party(),
            expected_origin=own_origin(),
            credential_public_key=bytes(passkey.public_key),
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=True,
        ).new_sign_count
    except MALFORMED as error:
        raise FactorRefused("The passkey was not accepted. Try again.") from error
