"""Status lists as the draft draws them (draft-ietf-oauth-status-list-20)."""

import os
import zlib

import pytest
from jwt.utils import base64url_encode

from tokens.errors import TokenRefused
from tokens.status_list import LIST_SIZE, StatusList, compress, decompress, locate, pack, set_bits

ONE_BIT = [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]
TWO_BITS = [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]
VECTORS = pytest.mark.parametrize(
    ("width", "statuses", "bits", "lst"),
    [
        (1, ONE_BIT, bytes.fromhex("b9a3"), "eNrbuRgAAhcBXQ"),
        (2, TWO_BITS, bytes.fromhex("c944f9"), "eNo76fITAAPfAgc"),
    ],
    ids=["1 bit", "2 bits"],
)


@VECTORS
def test_statuses_are_packed_as_the_draft_packs_them(width, statuses, bits, lst):
    assert pack(dict(enumerate(statuses)), len(statuses), width=width) == bits


@VECTORS
def test_bits_are_compressed_as_the_draft_compresses_them(width, statuses, bits, lst):
    assert compress(bits) == lst


@VECTORS
def test_a_list_of_the_draft_is_read_as_it_says(width, statuses, bits, lst):
    listed = StatusList(decompress(lst), 0, 0, width)

    assert [listed.status(index) for index in range(len(statuses))] == statuses


@pytest.mark.parametrize("width", [1, 2, 4, 8])
def test_what_is_packed_is_read_again(width):
    statuses = {0: 1, 7: (1 << width) - 1, 8: 1, 31: 1}
    listed = StatusList(pack(statuses, 32, width=width), 0, 0, width)

    assert {index: listed.status(index) for index in range(32) if listed.is_revoked(index)} == statuses


def test_revoked_is_whatever_is_not_valid():
    listed = StatusList(pack(dict(enumerate(TWO_BITS)), len(TWO_BITS), width=2), 0, 0, 2)

    assert [listed.is_revoked(index) for index in range(4)] == [True, True, False, True]


@pytest.mark.parametrize(("width", "length"), [(1, 16), (2, 8), (4, 4), (8, 2)])
def test_beyond_the_end_nothing_is_known(width, length):
    listed = StatusList(bytes(2), 0, 0, width)

    assert not listed.is_revoked(length - 1)
    with pytest.raises(TokenRefused, match="beyond"):
        listed.is_revoked(length)


def test_an_empty_list_is_small():
    bits = set_bits([])

    assert (len(bits) * 8, len(zlib.compress(bits, 9))) == (LIST_SIZE, 149)


@pytest.mark.parametrize("bits", [bytes(LIST_SIZE // 8), os.urandom(LIST_SIZE // 8), b"", b"\1"])
def test_any_list_survives_the_way(bits):
    assert decompress(compress(bits)) == bits


def test_every_number_has_a_place_of_its_own():
    numbers = [0, 1, LIST_SIZE - 1, LIST_SIZE, LIST_SIZE + 1, 5 * LIST_SIZE + 7]

    assert [locate(number) for number in numbers] == [(0, 0), (0, 1), (0, LIST_SIZE - 1), (1, 0), (1, 1), (5, 7)]


def encode(raw):
    return base64url_encode(raw).decode()


@pytest.mark.parametrize(
    "lst",
    [
        "",
        "rubbish",
        "eNrbuRgAAhcBXQ==",
        "eNrbuRgAAhcBX!",
        "eNrbuRgAAhcBX\u00e9",
        encode(b"\x00" * 64),
        encode(zlib.compress(b"\1" * 64)[:-4]),
        encode(zlib.compress(b"\1" * 64)[:-1]),
        encode(zlib.compress(b"\1" * 64) + b"more"),
        encode(zlib.compress(bytes(LIST_SIZE // 8 + 1))),
        encode(zlib.compress(bytes(64 * 1024 * 1024))),
    ],
    ids=[
        "nothing", "rubbish", "padded", "no base64url", "no ASCII", "no zlib", "no checksum", "cut off",
        "more behind", "a byte too many", "a bomb",
    ],
)  # fmt: skip
def test_rubbish_is_refused(lst):
    with pytest.raises(TokenRefused):
        decompress(lst)
