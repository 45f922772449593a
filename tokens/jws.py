"""A compact JWS taken apart, strictly (RFC 7515 3.1, RFC 8725 3.11); its signature is checked elsewhere."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, NamedTuple

import orjson

from tokens.errors import TokenRefused

MAX_LENGTH = 8 * 1024
MAX_DEPTH = 4
SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)


class ParsedJWS(NamedTuple):
    """A token that is well formed; its signature is not verified yet."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signed: bytes
    signature: bytes


def parse_jws(token: str, max_length: int = MAX_LENGTH) -> ParsedJWS:
    """The parts of a compact JWS.

    Raises `TokenRefused` unless it has at most `max_length` bytes and three canonical base64url parts, of which two are
    shallow UTF-8 JSON objects without duplicate names.
    """
    if len(token) > max_length:
        raise TokenRefused("The token is too long.")

    if not SHAPE.fullmatch(token):
        raise TokenRefused("The token is not three base64url parts.")

    header, claims, signature = token.split(".")
    return ParsedJWS(
        header=read_json_object(decode_base64url(header)),
        claims=read_json_object(decode_base64url(claims)),
        signed=token[: -len(signature) - 1].encode(),
        signature=decode_base64url(signature),
    )


def encode_base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode_base64url(text: str) -> bytes:
    """Decode unpadded base64url; raises `TokenRefused` for every spelling but the canonical one (RFC 4648 3.5)."""
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise TokenRefused("A part of the token is not base64url.") from error
    if encode_base64url(raw) != text:
        raise TokenRefused("A part of the token is not canonical base64url.")
    return raw


def read_json_object(raw: bytes) -> dict[str, Any]:
    """Read a shallow JSON object; raises `TokenRefused` for duplicate names and for anything else."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise TokenRefused("A part of the token is not UTF-8 JSON.") from error
    if not isinstance(value, dict):
        raise TokenRefused("A part of the token is not a JSON object.")

    if count_names(value, MAX_DEPTH) != count_spelled_names(raw):
        raise TokenRefused("The token repeats a name.")

    return value


def count_names(value: object, depth: int) -> int:
    """Count the names in a JSON value, refusing what nests deeper than `depth`."""
    if not isinstance(value, (dict, list)):
        return 0

    if depth == 0:
        raise TokenRefused("The token nests too deeply.")

    below = value.values() if isinstance(value, dict) else value
    own = len(value) if isinstance(value, dict) else 0
    return own + sum(count_names(item, depth - 1) for item in below)


STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')


def count_spelled_names(raw: bytes) -> int:
    """Count the names a JSON text spells out, repeated or not: one colon each, outside strings."""
    return STRINGS.sub(b"", raw).count(b":")
