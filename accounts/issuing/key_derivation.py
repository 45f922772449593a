"""Keys derived from SECRET_KEY, one for each purpose, and what is encrypted under one of them."""

from base64 import urlsafe_b64encode
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

WAY_OUT = (
    "Neither SECRET_KEY nor a key of SECRET_KEY_FALLBACKS opens the stored signing key. Put the SECRET_KEY it was "
    "stored under into SECRET_KEY_FALLBACKS; or, where that is lost, run `manage.py rotate_keys --now`, which makes "
    "a fresh key and ends every access token."
)


class Undecryptable(Exception):
    """Nothing that SECRET_KEY or its fallbacks give opens a stored private key; it says what to do."""

    def __init__(self) -> None:
        super().__init__(WAY_OUT)


def derive(purpose: str) -> list[bytes]:
    """A 32-byte key for a purpose from SECRET_KEY, then from each fallback (HKDF, RFC 5869)."""
    return [expand(secret, purpose) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]


@lru_cache(maxsize=64)
def expand(secret: str, purpose: str) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=f"tessera {purpose}".encode()).derive(secret.encode())


def encrypt(plain: bytes, purpose: str) -> bytes:
    return ring(purpose).encrypt(plain)


def decrypt(secret: bytes, purpose: str) -> bytes:
    """What `encrypt` was given; raises `Undecryptable`."""
    try:
        return ring(purpose).decrypt(bytes(secret))
    except InvalidToken as error:
        raise Undecryptable from error


def ring(purpose: str) -> MultiFernet:
    return MultiFernet([Fernet(urlsafe_b64encode(key)) for key in derive(purpose)])
