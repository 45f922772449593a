"""The bits that say which tokens were revoked (draft-ietf-oauth-status-list-20)."""

import zlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tokens.errors import TokenRefused
from tokens.jws import decode_base64url, encode_base64url

LIST_BITS = 20
LIST_SIZE = 1 << LIST_BITS
MEDIA_TYPE = "application/statuslist+jwt"
TYPE = "statuslist+jwt"
PATH = "/.well-known/token-status/"

VALID, INVALID = 0, 1
WIDTHS = (1, 2, 4, 8)
"""How many bits an entry may have (4.1); ours have one."""


def locate(number: int) -> tuple[int, int]:
    """Where status `number` stands: which list, and which entry of it; no number is ever used twice."""
    return divmod(number, LIST_SIZE)


class StatusList(NamedTuple):
    """One list as published, its entries `width` bits wide. Times are seconds since the epoch."""

    bits: bytes
    issued_at: int
    expires_at: int
    width: int = 1

    def status(self, index: int) -> int:
        """The status at entry `index`; raises `TokenRefused` beyond the end (8.3)."""
        bit = index * self.width
        if bit >= len(self.bits) * 8:
            raise TokenRefused("The token's status index is beyond its list.")

        return self.bits[bit >> 3] >> (bit & 7) & ((1 << self.width) - 1)

    def is_revoked(self, index: int) -> bool:
        """Whether entry `index` is anything but VALID; raises `TokenRefused` beyond the end."""
        return self.status(index) != VALID


def set_bits(indexes: Iterable[int], size: int = LIST_SIZE) -> bytes:
    """A list of `size` one-bit entries, INVALID at `indexes`."""
    return pack(dict.fromkeys(indexes, INVALID), size, width=1)


def pack(statuses: Mapping[int, int], size: int, *, width: int) -> bytes:
    """A list of `size` entries, VALID but where `statuses` says otherwise; least significant bit first (4.1)."""
    bits = bytearray(size * width // 8)
    for index, status in statuses.items():
        bit = index * width
        bits[bit >> 3] |= status << (bit & 7)
    return bytes(bits)


def compress(bits: bytes) -> str:
    """The `lst` of a list: zlib at its best, base64url without padding (4.2)."""
    return encode_base64url(zlib.compress(bits, level=9))


def decompress(lst: str, limit: int = LIST_SIZE // 8) -> bytes:
    """The entries of a `lst`; raises `TokenRefused` for rubbish or more than `limit` bytes."""
    packed = decode_base64url(lst)
    inflater = zlib.decompressobj()
    try:
        bits = inflater.decompress(packed, limit + 1)
    except zlib.error as error:
        raise TokenRefused("The status list is not zlib.") from error
    if len(bits) > limit or not inflater.eof or inflater.unused_data:
        raise TokenRefused("The status list is cut off or longer than it may be.")
    return bits
