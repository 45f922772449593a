"""Tokens that keep their contents to themselves: a JWE around the JWS (RFC 7516, RFC 7519 11.2)."""

import re
from contextlib import suppress

from django.conf import settings
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from tokens.errors import TokenRefused
from tokens.jws import MAX_LENGTH, decode_base64url, read_json_object

KEY_BYTES = 32
HEADER = {"alg": "dir", "enc": "A256GCM", "cty": "JWT"}
"""The whole header of every JWE: nothing to choose, so nothing to attack."""
MAX_JWE = MAX_LENGTH * 4 // 3 + 256
"""Bytes: the longest token there is, encrypted."""
SHAPE = re.compile(r"[A-Za-z0-9_-]+\.\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)


def read_encryption_key(text: str) -> bytes:
    """A key as `JWT_ENCRYPTION_KEY` holds it: unpadded base64url of 32 bytes; raises `ValueError`."""
    try:
        key = decode_base64url(text)
    except TokenRefused as error:
        raise ValueError("An encryption key is unpadded base64url.") from error
    if len(key) != KEY_BYTES:
        raise ValueError(f"An encryption key has {KEY_BYTES} bytes, not {len(key)}.")

    return key


def is_enabled() -> bool:
    """Whether access tokens are encrypted, and no other is taken."""
    return bool(settings.JWT_ENCRYPTION_KEYS)


def encrypt(token: str) -> str:
    """A token as it is issued: a JWE under the first key, or as it is without one."""
    if not is_enabled():
        return token

    from joserfc import jwe  # noqa: PLC0415 - nothing else needs it, and few encrypt

    return jwe.encrypt_compact(HEADER, token, OctKey.import_key(settings.JWT_ENCRYPTION_KEYS[0]))


def decrypt(token: str) -> str:
    """The JWS in a JWE that was presented, or the token itself where none is encrypted.

    Raises `TokenRefused` unless it is encrypted as ours are, under a key of ours. The plaintext is not checked yet.
    """
    if not is_enabled():
        return token

    from joserfc import jwe  # noqa: PLC0415 - as above

    check_jwe(token)
    for key in settings.JWT_ENCRYPTION_KEYS:
        with suppress(JoseError, ValueError):
            plain = jwe.decrypt_compact(token, OctKey.import_key(key), algorithms=["dir", "A256GCM"]).plaintext
            return (plain or b"").decode("ascii", errors="replace")

    raise TokenRefused("The token does not open with any key of ours.")


def check_jwe(token: str) -> None:
    """Raise `TokenRefused` for what is no JWE of ours, before any key is tried."""
    if len(token) > MAX_JWE:
        raise TokenRefused("The token is too long.")
    if not SHAPE.fullmatch(token):
        raise TokenRefused("The token is not encrypted as ours are.")

    header, *parts = token.split(".")
    if read_json_object(decode_base64url(header)) != HEADER:
        raise TokenRefused("The token is encrypted in another way than ours.")
    for part in parts[1:]:
        decode_base64url(part)
