"""Challenges: texts of ours that are answered once and within minutes, with a code or a passkey.

None is stored until it is answered, so that strangers who ask for many fill no table.
"""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.core import signing
from django.db import IntegrityError, transaction

from accounts.models import SpentChallenge
from database import batch_delete, clock

SALT = "accounts.factors.challenges"
LIFETIME = timedelta(minutes=5)
MAX_LENGTH = 512


class FactorRefused(Exception):
    """A code or a passkey is not good for what it was sent for."""

    def __init__(self, why: str = "That did not work. Begin again.") -> None:
        super().__init__(why)


class Challenge(NamedTuple):
    """What a challenge was issued for: a purpose, a person (none before a log-in by passkey alone), and what else
    has to be the same when it is answered."""

    purpose: str
    sub: str = ""
    bound_to: str = ""


def issue(challenge: Challenge) -> str:
    """A new challenge, to be answered within `LIFETIME`."""
    expires_at = int((clock.now() + LIFETIME).timestamp())
    return signing.dumps([*challenge, expires_at, secrets.token_urlsafe(16)], salt=SALT)


def read(text: str, purpose: str) -> Challenge:
    """What a challenge of ours was issued for; raises `FactorRefused` for one that is late or for something else."""
    try:
        *stated, expires_at, _ = signing.loads(text, salt=SALT)
    except signing.BadSignature as error:
        raise FactorRefused from error

    challenge = Challenge(*stated)
    if expires_at <= clock.time():
        raise FactorRefused("That took longer than five minutes. Begin again.")
    if challenge.purpose != purpose:
        raise FactorRefused
    return challenge


def spend(text: str) -> None:
    """Use up a challenge: of any number of answers one goes on, the others raise `FactorRefused`."""
    expires_at = datetime.fromtimestamp(signing.loads(text, salt=SALT)[-2], UTC)
    digest = hashlib.sha256(text.encode()).hexdigest()
    try:
        with transaction.atomic():
            SpentChallenge(digest=digest, expires_at=expires_at).save(force_insert=True)
    except IntegrityError as error:
        raise FactorRefused("That was sent before. Begin again.") from error


def clear_challenges() -> int:
    """Delete the spent challenges that have expired; how many."""
    return batch_delete.delete(SpentChallenge.objects.filter(expires_at__lt=clock.now() - LIFETIME))
