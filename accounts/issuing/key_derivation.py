"""Keys derived from SECRET_KEY, one for each purpose, and what is encrypted under one of them."""

import secrets
from base64 import urlsafe_b64encode
from contextlib import suppress
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

GCM = b"\x01"
"""The first byte of what AES-256-GCM encrypted; what a release before stored begins with a letter."""
GCM_INFO = " AES-256-GCM"
NONCE_BYTES = 12

UNDECRYPTABLE = (
    "Neither SECRET_KEY nor a key of SECRET_KEY_FALLBACKS opens the stored signing key. Put the SECRET_KEY it was "
    "stored under into SECRET_KEY_FALLBACKS; or, where that is lost, run `manage.py rotate_keys --now`, which makes "
    "a fresh key and ends every access token."
)

NOT_SET = "SECRET_KEY is not set, so the public development key is in use, which is not this shop's. "
IN_DEVELOPMENT = (
    "The stored signing key was made under the development key, which everybody knows. Run `manage.py rotate_keys "
    "--now`, which makes a fresh key and ends every access token."
)


class Undecryptable(Exception):
    """No key derived from SECRET_KEY or its fallbacks decrypts a stored private key; the text says what to do."""


def derive_keys(purpose: str) -> list[bytes]:
    """A 32-byte key for a purpose from SECRET_KEY, then from each fallback (HKDF, RFC 5869)."""
    return [derive_key(secret, purpose) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]


@lru_cache(maxsize=64)
def derive_key(secret: str, purpose: str) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=f"tessera {purpose}".encode()).derive(secret.encode())


def encrypt(plain: bytes, purpose: str) -> bytes:
    """AES-256-GCM (NIST SP 800-38D) under a key of SECRET_KEY: a byte that says so, a random nonce, the ciphertext."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return GCM + nonce + AESGCM(derive_key(settings.SECRET_KEY, purpose + GCM_INFO)).encrypt(nonce, plain, GCM)


def decrypt(encrypted: bytes, purpose: str) -> bytes:
    """What `encrypt` was given, in this release or one before; raises `Undecryptable`."""
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        with suppress(InvalidTag, InvalidToken):
            return decrypt_with(secret, encrypted, purpose)

    raise Undecryptable(explain(encrypted, purpose))


def decrypt_with(secret: str, encrypted: bytes, purpose: str) -> bytes:
    """Raises `InvalidTag`, or `InvalidToken` for what a release before stored: Fernet, with AES-128."""
    if not encrypted.startswith(GCM):
        return Fernet(urlsafe_b64encode(derive_key(secret, purpose))).decrypt(encrypted)

    nonce = encrypted[len(GCM) :][:NONCE_BYTES].ljust(NONCE_BYTES, b"\0")
    return AESGCM(derive_key(secret, purpose + GCM_INFO)).decrypt(nonce, encrypted[len(GCM) + NONCE_BYTES :], GCM)


def explain(encrypted: bytes, purpose: str) -> str:
    """Why nothing decrypts what is stored, and what to do about it."""
    if settings.SECRET_KEY == settings.DEVELOPMENT_KEY:
        return NOT_SET + UNDECRYPTABLE

    known = not settings.DEVELOPMENT and opens(encrypted, purpose, settings.DEVELOPMENT_KEY)
    return IN_DEVELOPMENT if known else UNDECRYPTABLE


def is_current(encrypted: bytes, purpose: str) -> bool:
    """Whether something is encrypted under the present SECRET_KEY as this release does it."""
    return encrypted.startswith(GCM) and opens(encrypted, purpose, settings.SECRET_KEY)


def is_lost(encrypted: bytes, purpose: str) -> bool:
    """Whether neither SECRET_KEY nor a fallback decrypts something."""
    return not any(
        opens(encrypted, purpose, secret) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    )


def opens(encrypted: bytes, purpose: str, secret: str) -> bool:
    try:
        decrypt_with(secret, encrypted, purpose)
    except (InvalidTag, InvalidToken):
        return False
    return True
