"""Tokens that keep their contents to themselves: a JWE around the JWS (RFC 7516, RFC 7519 11.2)."""

import re
from base64 import urlsafe_b64encode

from django.conf import settings
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from tokens.errors import TokenRefused
from tokens.parsing import MAX_LENGTH, read_object, unpack

KEY_BYTES = 32
HEADER = {"alg": "dir", "enc": "A256GCM", "cty": "JWT"}
"""The whole header of every shell: nothing to choose, so nothing to attack."""
MAX_JWE = MAX_LENGTH * 4 // 3 + 256
"""Bytes: the longest token there is, encrypted."""
SHAPE = re.compile(r"[A-Za-z0-9_-]+\.\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)


def read_key(text: str) -> bytes:
    """A key as `JWT_ENCRYPTION_KEY` holds it: unpadded base64url of 32 bytes; raises `ValueError`."""
    try:
        key = unpack(text)
    except (TokenRefused, UnicodeEncodeError) as error:
        raise ValueError("An encryption key is unpadded base64url.") from error
    if len(key) != KEY_BYTES:
        raise ValueError(f"An encryption key has {KEY_BYTES} bytes, not {len(key)}.")

    return key


def write_key(key: bytes) -> str:
    return urlsafe_b64encode(key).rstrip(b"=").decode()


def is_enabled() -> bool:
    """Whether access tokens are encrypted, and no other is taken."""
    return bool(settings.JWT_ENCRYPTION_KEYS)


def encrypt(token: str) -> str:
    """A token as it leaves: in a shell under the first key, or as it is without one."""
    if not is_enabled():
        return token

    return jwe.encrypt_compact(HEADER, token, OctKey.import_key(settings.JWT_ENCRYPTION_KEYS[0]))


def decrypt(token: str) -> str:
    """The signed token in what was presented, which is that token itself where none is encrypted.

    Raises `TokenRefused` unless the shell is of five parts with our one header, and opens with a
    key of ours. Nothing is known yet of what was inside.
    """
    if not is_enabled():
        return token

    check_jwe(token)
    for key in settings.JWT_ENCRYPTION_KEYS:
        inner = try_key(token, key)
        if inner is not None:
            return inner

    raise TokenRefused("The token does not open with any key of ours.")


def check_jwe(token: str) -> None:
    """Raise `TokenRefused` for what is no shell of ours, before any key is tried."""
    if len(token) > MAX_JWE:
        raise TokenRefused("The token is too long.")
    if not SHAPE.fullmatch(token):
        raise TokenRefused("The token is not encrypted as ours are.")

    header, *parts = token.split(".")
    if read_object(unpack(header)) != HEADER:
        raise TokenRefused("The token is encrypted in another way than ours.")
    for part in parts[1:]:
        unpack(part)


def try_key(token: str, key: bytes) -> str | None:
    """What is inside if `key` opens it, else None."""
    try:
        plain = jwe.decrypt_compact(token, OctKey.import_key(key), algorithms=["dir", "A256GCM"]).plaintext
    except (JoseError, ValueError):
        return None
    return (plain or b"").decode("ascii", errors="replace")
