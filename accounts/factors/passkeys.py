"""Passkeys (WebAuthn, level 3): discoverable and with the user verified, so that one alone is two factors.

What browsers are asked for and answer is made and read by `webauthn_json`, which is loaded with the first passkey.
"""

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError

from accounts.factors import challenges
from accounts.factors.challenges import Challenge, FactorRefused
from accounts.factors.changes import changing, count_as_proven
from accounts.login.sessions import Caller, TokenPair
from accounts.models import Passkey, User
from accounts.people.email_addresses import check_confirmed
from database import clock
from tokens.jws import encode_base64url

AMR = "hwk user"
ADDING = "new passkey"
MAX_PASSKEYS = 20
MAX_CREDENTIAL = 16 * 1024
"""Characters of what a browser answers."""


class LastWayIn(ValidationError):
    """Whoever has no password would not get in any more."""

    def __init__(self) -> None:
        super().__init__("This is your only way in. Choose a password first, or add another passkey.")


class TooManyPasskeys(ValidationError):
    """A person has as many as one may have."""

    def __init__(self) -> None:
        super().__init__(f"You have {MAX_PASSKEYS} passkeys, which is the most. Remove one first.")


class UnknownPasskey(FactorRefused):
    """Nobody has that passkey here; `signal` tells a browser so, which offers it no more."""

    def __init__(self, signal: str) -> None:
        super().__init__("This passkey is not known here. It may have been removed.")
        self.signal = signal


def adding_options(user: User) -> str:
    """What a browser is asked for to make a passkey of a user; raises `Unconfirmed`."""
    from accounts.factors import webauthn_json  # noqa: PLC0415 - see above

    check_confirmed(user)
    return webauthn_json.write_adding(user, challenges.issue(Challenge(ADDING, user.sub)), known=credential_ids(user))


def asking_options(challenge: str, user: User | None = None) -> str:
    """What a browser is asked for to answer a challenge with a passkey: of a user, or any that it has here."""
    from accounts.factors import webauthn_json  # noqa: PLC0415 - see above

    return webauthn_json.write_asking(challenge, known=credential_ids(user) if user else [])


def credential_ids(user: User) -> list[str]:
    return list(Passkey.objects.filter(user=user).values_list("credential_id", flat=True))


def add(user: User, *, credential: str, name: str, by: Caller) -> tuple[Passkey, TokenPair]:
    """Store the passkey that a browser made, and have the caller's session count as proven by it.

    Raises `FactorRefused`, `TooManyPasskeys`, or `TokenRefused` if that session is over.
    """
    from accounts.factors import webauthn_json  # noqa: PLC0415 - see above

    challenge, made = webauthn_json.read_made(credential)
    if challenges.read(challenge, ADDING).sub != user.sub:
        raise FactorRefused

    with changing(user, "passkey added", by=by, said="A passkey was added to your account"):
        if Passkey.objects.filter(user=user).count() >= MAX_PASSKEYS:
            raise TooManyPasskeys
        challenges.spend(challenge)
        return store(user, made, name), count_as_proven(AMR, by=by)


def store(user: User, made: Any, name: str) -> Passkey:
    passkey = Passkey(
        user=user,
        credential_id=encode_base64url(made.credential_id),
        public_key=made.credential_public_key,
        sign_count=made.sign_count,
        name=name,
    )
    try:
        passkey.save(force_insert=True)
    except IntegrityError as error:
        raise FactorRefused("This passkey is there already.") from error
    return passkey


def verify_passkey(credential: str, purpose: str) -> tuple[str, Challenge, Passkey]:
    """The challenge that was answered, and the passkey that answered it; whose the two are is for the caller to
    compare, and to spend the challenge. Raises `FactorRefused`, or `UnknownPasskey`, which is one."""
    from accounts.factors import webauthn_json  # noqa: PLC0415 - see above

    parsed, challenge = webauthn_json.read_answer(credential)
    stated = challenges.read(challenge, purpose)
    credential_id = encode_base64url(parsed.raw_id)
    passkey = Passkey.objects.select_related("user").filter(credential_id=credential_id).first()
    if not passkey:
        raise UnknownPasskey(webauthn_json.write_unknown(credential_id))
    if not names_owner(parsed.response.user_handle, passkey, stated):
        raise FactorRefused

    count_use(passkey, webauthn_json.check_signature(parsed, challenge, passkey))
    return challenge, stated, passkey


def names_owner(handle: bytes | None, passkey: Passkey, stated: Challenge) -> bool:
    """Whether an answer says whose the passkey is; it may leave that out where somebody was asked for theirs
    (WebAuthn 7.2)."""
    return handle == passkey.user.pk.bytes or (handle is None and bool(stated.sub))


def count_use(passkey: Passkey, sign_count: int) -> None:
    """Note that a passkey was used; a count goes up by one at a time, since one that does not is of a copy."""
    own = Passkey.objects.filter(pk=passkey.pk, sign_count=passkey.sign_count)
    if not own.update(sign_count=sign_count, used_at=clock.now()):
        raise FactorRefused


def rename(passkey: Passkey, name: str) -> None:
    Passkey.objects.filter(pk=passkey.pk).update(name=name)
    passkey.name = name


def remove(user: User, passkey_id: UUID, *, by: Caller) -> bool:
    """Take a passkey of a user away; whether there was one. Raises `LastWayIn`."""
    own = Passkey.objects.filter(user=user, pk=passkey_id)
    if not own.exists():
        return False

    with changing(user, "passkey removed", by=by, said="A passkey was removed from your account"):
        if not user.has_usable_password() and not Passkey.objects.filter(user=user).exclude(pk=passkey_id).exists():
            raise LastWayIn
        own.delete()
    return True
