"""The bits that say which tokens were revoked (draft-ietf-oauth-status-list-20)."""

import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from typing import NamedTuple

from tokens.errors import TokenRefused

LIST_BITS = 20
LIST_SIZE = 1 << LIST_BITS
MEDIA_TYPE = "application/statuslist+jwt"
TYPE = "statuslist+jwt"
PATH = "/.well-known/token-status/"


class Position(NamedTuple):
    """Where the status of one token stands: which list, which entry."""

    list: int
    entry: int


def locate(number: int) -> Position:
    """The position of entry `number`; no number is ever used twice."""
    return Position(number >> LIST_BITS, number & (LIST_SIZE - 1))


class StatusList(NamedTuple):
    """One list as published. Times are seconds since the epoch."""

    bits: bytes
    issued_at: int
    expires_at: int

    def is_revoked(self, index: int) -> bool:
        """Whether entry `index` is INVALID; raises `TokenRefused` beyond the end (section 8.3)."""
        if index >= len(self.bits) * 8:
            raise TokenRefused("The token's status index is beyond its list.")

        return bool(self.bits[index >> 3] >> (index & 7) & 1)


def set_bits(indexes: Iterable[int], size: int = LIST_SIZE) -> bytes:
    """A list of `size` one-bit entries, INVALID at `indexes`; least significant bit first (4.1)."""
    bits = bytearray(size // 8)
    for index in indexes:
        bits[index >> 3] |= 1 << (index & 7)
    return bytes(bits)


def compress(bits: bytes) -> str:
    """The `lst` of a list: zlib at its best, base64url without padding (4.2)."""
    return urlsafe_b64encode(zlib.compress(bits, level=9)).rstrip(b"=").decode()


def decompress(lst: str, limit: int = LIST_SIZE // 8) -> bytes:
    """The entries of a `lst`; raises `ValueError` for rubbish or more than `limit` bytes."""
    packed = urlsafe_b64decode(lst + "=" * (-len(lst) % 4))
    inflater = zlib.decompressobj()
    try:
        bits = inflater.decompress(packed, limit)
    except zlib.error as error:
        raise ValueError("The status list is not zlib.") from error
    if not inflater.eof:
        raise ValueError("The status list is cut off or longer than it may be.")
    return bits
