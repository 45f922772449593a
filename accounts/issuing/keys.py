"""The life of a signing key: announced, signing, retired. Nobody has to be there for it."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import structlog
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from joserfc.jwk import ECKey, OKPKey, RSAKey

from accounts.issuing.key_derivation import Undecryptable, decrypt, encrypt, is_current, is_lost
from accounts.models import Event, SigningKey
from database import batch_delete, clock, prepared
from tokens.errors import IssuerUnavailable
from tokens.keys import SHARED_KID, VerifyingKey, read_jwk, shared_key
from wire.events import SYSTEM, Actor

ANNOUNCED_FOR = timedelta(days=1)
SIGNS_FOR = timedelta(days=90)
PURPOSE = "signing keys"
RSA_BITS = 3072
"""Of new keys; shorter ones that are stored sign on until they are retired."""

State = SigningKey.State
logger = structlog.get_logger(__name__)


def published_for() -> timedelta:
    """How long a retired key is still published: every token it signed is dead by then, twice over."""
    return longest_lifetime() + timedelta(hours=12)


def longest_lifetime() -> timedelta:
    """The longest that any access token lives."""
    return max(settings.TOKEN_LIFETIME, settings.CLIENT_TOKEN_LIFETIME)


def oldest_alive() -> datetime:
    """Before when no access token was issued that may still be believed, with a minute for clocks that differ."""
    return clock.now() - longest_lifetime() - timedelta(minutes=1)


def is_shared() -> bool:
    """Whether one secret shared by all services signs, and no key is stored or published."""
    return settings.JWT_ALGORITHM == "HS256"


def verifying_keys() -> dict[str, VerifyingKey]:
    """Every key that tokens may be signed with just now, by `kid`."""
    if is_shared():
        return shared_key(settings.JWT_SIGNING_KEY)

    return {jwk["kid"]: read_jwk(jwk) for jwk in key_set()["keys"]}


def stored_keys() -> dict[str, VerifyingKey]:
    """Every key that is stored, also one that was replaced for a leak: good for ending sessions alone."""
    stored = SigningKey.objects.values_list("public_jwk", flat=True)
    return verifying_keys() if is_shared() else {jwk["kid"]: read_jwk(jwk) for jwk in stored}


def key_set() -> dict[str, list[Any]]:
    """The JWK set to publish (RFC 7517): the keys announced, those that sign, those not long retired; empty where the
    secret is shared."""
    if is_shared():
        return {"keys": []}

    signing_key()
    published = SigningKey.objects.filter(~Q(state=State.RETIRED) | Q(published_until__gt=clock.now()))
    return {"keys": [key.public_jwk for key in published]}


def signing_key() -> SigningKey:
    """The key that signs now (`choose_key`)."""
    return choose_key(unretired_keys())


def choose_key(unretired: Sequence[SigningKey]) -> SigningKey:
    """The key that signs now. Makes the first, announces the next and promotes it when its time comes.

    After a change of algorithm the one before signs until the new one was announced for a day.
    Where accounts only reads, it is the one there is; raises `IssuerUnavailable` if there is none.
    """
    now = clock.now()
    signing, announced, other = find_unretired(unretired)
    current = signing or other
    if "accounts" in settings.READ_ONLY:
        if not current:
            raise IssuerUnavailable("There is no key to sign with, and none is made for now.")
        return current

    if announced and announced.signs_from <= now:
        return promote(announced, now)
    if not current:
        return create_first_key(now)

    if not announced and (current == other or current.signs_from + SIGNS_FOR - ANNOUNCED_FOR <= now):
        announce(now)
    return current


def signing_algorithms() -> list[str]:
    """The algorithms of the key that signs and of the one that signs next: two, while the algorithm changes."""
    return sorted({signing_key().algorithm, settings.JWT_ALGORITHM})


def find_unretired(
    keys: Sequence[SigningKey],
) -> tuple[SigningKey | None, SigningKey | None, SigningKey | None]:
    """Of the algorithm in use the key that signs and the one announced; and what signed last of another."""
    own = {key.state: key for key in keys if key.algorithm == settings.JWT_ALGORITHM}
    others = [key for key in keys if key.state == State.SIGNING and key.algorithm != settings.JWT_ALGORITHM]
    return own.get(State.SIGNING), own.get(State.ANNOUNCED), others[-1] if others else None


@prepared.objects(SigningKey)
def unretired_keys() -> QuerySet[SigningKey]:
    """The keys that are to sign or do, the one to sign last at the end."""
    return SigningKey.objects.exclude(state=State.RETIRED).order_by("signs_from")


def create_first_key(now: datetime) -> SigningKey:
    """A key that signs at once; if others make one at the same time, one of them stays."""
    with suppress(IntegrityError), transaction.atomic():
        return create_key(State.SIGNING, "key made", signs_from=now, by=SYSTEM)
    return SigningKey.objects.get(algorithm=settings.JWT_ALGORITHM, state=State.SIGNING)


def announce(now: datetime, by: Actor = SYSTEM) -> None:
    """Publish the next key a day before it signs, so that every verifier knows it in time."""
    with suppress(IntegrityError), transaction.atomic():
        create_key(State.ANNOUNCED, "key announced", signs_from=now + ANNOUNCED_FOR, by=by)


def announce_next(*, by: Actor) -> SigningKey:
    """The key announced, now if none was; raises `Undecryptable` where the one that signs cannot be decrypted."""
    current = signing_key()
    load_private_key(current.kid, bytes(current.private_key))
    announce(clock.now(), by)
    return SigningKey.objects.get(algorithm=settings.JWT_ALGORITHM, state=State.ANNOUNCED)


@transaction.atomic
def promote(announced: SigningKey, now: datetime) -> SigningKey:
    """Let an announced key sign and retire its predecessor; the winner of a race does it once."""
    current = SigningKey.objects.filter(algorithm=announced.algorithm, state=State.SIGNING)
    retire(current.exclude(pk=announced.pk), now, published_until=now + published_for())
    own = SigningKey.objects.filter(pk=announced.pk, state=State.ANNOUNCED)
    if own.update(state=State.SIGNING, signs_from=now):
        Event.objects.record(announced, "key signs", by=SYSTEM, algorithm=announced.algorithm)
    return SigningKey.objects.get(algorithm=announced.algorithm, state=State.SIGNING)


def replace_keys(*, by: Actor) -> SigningKey:
    """For a leak: a new key signs at once, and every other one leaves the key set, of any algorithm."""
    try:
        return try_replace(by=by)
    except IntegrityError:
        # Another process made a key at this very moment: it has to go, too.
        return replace_keys(by=by)


@transaction.atomic
def try_replace(*, by: Actor) -> SigningKey:
    now = clock.now()
    retire(SigningKey.objects.exclude(state=State.RETIRED), now, published_until=now)
    SigningKey.objects.filter(published_until__gt=now).update(published_until=now)
    return create_key(State.SIGNING, "key replaced", signs_from=now, by=by)


def retire(keys: QuerySet[SigningKey], now: datetime, *, published_until: datetime) -> None:
    keys.update(state=State.RETIRED, retired_at=now, published_until=published_until)


def create_key(state: SigningKey.State, what: str, *, signs_from: datetime, by: Actor) -> SigningKey:
    """A fresh key pair of the algorithm in use, stored, and `what` recorded."""
    pair = generate_key_pair(settings.JWT_ALGORITHM)
    kid = pair.thumbprint()
    public = {**pair.as_dict(private=False), "use": "sig", "alg": settings.JWT_ALGORITHM, "kid": kid}
    der = pair.private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    key = SigningKey.objects.create(
        kid=kid,
        algorithm=settings.JWT_ALGORITHM,
        public_jwk=public,
        private_key=encrypt(der, PURPOSE),
        state=state,
        signs_from=signs_from,
    )
    Event.objects.record(key, what, by=by, algorithm=key.algorithm)
    return key


def rewrap_keys() -> int:
    """Encrypt every stored key anew under the present SECRET_KEY, so that no fallback is needed for it; how many.

    Safe to repeat, and to be cut off: each key is one conditional UPDATE. Raises `Undecryptable`.
    """
    return sum(rewrap(key.kid, bytes(key.private_key)) for key in keys_to_rewrap())


def keys_to_rewrap() -> list[SigningKey]:
    """The keys not stored under the present SECRET_KEY as this release does it; of lost ones those still needed."""
    others = [key for key in SigningKey.objects.all() if not is_current(bytes(key.private_key), PURPOSE)]
    return [key for key in others if key.state != State.RETIRED or not is_lost(bytes(key.private_key), PURPOSE)]


def rewrap(kid: str, private_key: bytes) -> int:
    again = encrypt(decrypt(private_key, PURPOSE), PURPOSE)
    return SigningKey.objects.filter(kid=kid, private_key=private_key).update(private_key=again)


def generate_key_pair(algorithm: str) -> Any:
    if algorithm == "RS256":
        return RSAKey.generate_key(RSA_BITS)

    return ECKey.generate_key("P-256") if algorithm == "ES256" else OKPKey.generate_key("Ed25519")


@lru_cache(maxsize=16)
def load_private_key(kid: str, private_key: bytes) -> Any:
    """The private key of a row, ready to sign; raises `Undecryptable`."""
    return load_der_private_key(decrypt(private_key, PURPOSE), password=None)


class Signer(NamedTuple):
    """A private key, ready to sign."""

    kid: str
    algorithm: str
    key: Any


def current_signer() -> Signer:
    """What a token is signed with now; raises `IssuerUnavailable` for a key that cannot be decrypted, and logs why."""
    return ask_signer()()


def ask_signer() -> Callable[[], Signer]:
    """As `current_signer`, which is waited for when what this returns is called."""
    if is_shared():
        return lambda: Signer(SHARED_KID, "HS256", settings.JWT_SIGNING_KEY.encode())

    ask_keys = unretired_keys.ask()
    return lambda: load_signer(choose_key(ask_keys()))


def load_signer(key: SigningKey) -> Signer:
    try:
        return Signer(key.kid, key.algorithm, load_private_key(key.kid, bytes(key.private_key)))
    except Undecryptable as error:
        logger.critical("signing_key_undecryptable", kid=key.kid, error=str(error))
        raise IssuerUnavailable("No token can be signed for now.") from error


def clear_keys() -> int:
    """Delete the keys that were published last a month ago; how many. Those of an algorithm not used now retire."""
    now = clock.now()
    if find_unretired(unretired_keys())[0]:
        others = SigningKey.objects.exclude(state=State.RETIRED).exclude(algorithm=settings.JWT_ALGORITHM)
        retire(others.filter(signs_from__lt=now - SIGNS_FOR), now, published_until=now + published_for())
    return batch_delete.delete(SigningKey.objects.filter(published_until__lt=now - settings.KEPT["signing keys"]))
