"""Whatever one changes about a good token, it is refused; and what is good we find good as PyJWT does."""

import json
import string
import time

import jwt
import pytest

pytest.importorskip("hypothesis", reason="needs hypothesis, of requirements/dev.txt")

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.issuer import KEYS, PUBLIC_KEYS, claims, encode, header, kid_of, private_key, seal
from tests.issuer import sign_inner as sign
from tokens import encryption
from tokens.errors import TokenRefused
from tokens.verification import cache, verify

ALGORITHMS = st.sampled_from([*KEYS, "HS256"])
CHARACTERS = st.sampled_from(string.ascii_letters + string.digits + "-_.=+/ \n\0é")
PLACES = st.integers(min_value=0, max_value=100_000)

thoroughly = settings(max_examples=100, derandomize=True)


def is_believed(token: str) -> bool:
    """Whether a signed token is believed, in a good shell where tokens are encrypted."""
    try:
        verify(encryption.encrypt(token), "orders")
    except TokenRefused:
        return False
    return True


def good(algorithm: str) -> str:
    """A good token of an algorithm."""
    return sign(by=algorithm)


@pytest.fixture(autouse=True, params=[*KEYS, "HS256"])
def algorithm(request):
    """What the token under attack is signed with; HS256 where all services share a secret."""
    if request.param == "HS256":
        request.getfixturevalue("shared")
    return request.param


def test_the_tokens_that_are_changed_are_good(algorithm):
    assert is_believed(good(algorithm))


@thoroughly
@given(place=PLACES, character=CHARACTERS)
def test_a_character_exchanged(algorithm, place, character):
    token = good(algorithm)
    place %= len(token)
    assume(token[place] != character)

    assert not is_believed(token[:place] + character + token[place + 1 :])


@thoroughly
@given(place=PLACES, characters=st.text(CHARACTERS, min_size=1, max_size=4))
def test_characters_put_in(algorithm, place, characters):
    token = good(algorithm)
    place %= len(token) + 1

    assert not is_believed(token[:place] + characters + token[place:])


@thoroughly
@given(place=PLACES, length=st.integers(1, 900))
def test_characters_taken_out(algorithm, place, length):
    token = good(algorithm)
    place %= len(token)

    assert not is_believed(token[:place] + token[place + length :])


@thoroughly
@given(place=PLACES, bit=st.integers(0, 7), part=st.integers(0, 2))
def test_a_bit_flipped_under_the_encoding(algorithm, place, bit, part):
    parts = [bytearray(jwt.utils.base64url_decode(text)) for text in good(algorithm).split(".")]
    place %= len(parts[part])
    parts[part][place] ^= 1 << bit

    assert not is_believed(".".join(encode(bytes(raw)) for raw in parts))


@thoroughly
@given(
    name=st.sampled_from(sorted(claims())),
    value=st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=20) | st.lists(st.text()),
)
def test_a_claim_changed_under_the_signature(algorithm, name, value):
    head, body, signature = good(algorithm).split(".")
    told = json.loads(jwt.utils.base64url_decode(body))
    assume(told[name] != value)

    assert not is_believed(f"{head}.{encode(json.dumps(told | {name: value}).encode())}.{signature}")


@thoroughly
@given(taken=st.lists(st.sampled_from(range(6)), min_size=3, max_size=3))
def test_parts_of_two_tokens_joined(algorithm, taken):
    parts = good(algorithm).split(".") + sign(by=algorithm, sub="bob", scope="accounts:manage").split(".")
    token = ".".join(parts[number] for number in taken)
    assume(taken not in ([0, 1, 2], [3, 1, 2], [0, 4, 5], [3, 4, 5]))  # both headers are the same

    assert not is_believed(token)


@thoroughly
@given(token=st.text(max_size=200) | st.text(st.sampled_from("ey.JhbGciOiJ"), max_size=60))
def test_made_up_text(algorithm, token):
    assert not is_believed(token)


# As PyJWT ---------------------------------------------------------------------------------------

WORDS = st.text(st.sampled_from(string.ascii_lowercase + ":"), min_size=1, max_size=12)
VISIBLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=64)
CLAIMED = st.fixed_dictionaries(
    {
        "sub": VISIBLE,
        "jti": VISIBLE,
        "client_id": VISIBLE,
        "aud": st.lists(WORDS, max_size=3).map(lambda others: [*others, "orders"]),
        "scope": st.lists(WORDS, max_size=5).map(" ".join),
        "roles": st.lists(st.text(max_size=20), max_size=3),
    },
    optional={"sid": VISIBLE, "name": st.text(max_size=40), "email": st.text(max_size=40), "other": st.integers(0, 9)},
)


def decode(token: str, algorithm: str) -> dict:
    """What PyJWT makes of a token that we mean to take."""
    key = private_key("HS256") if algorithm == "HS256" else PUBLIC_KEYS[kid_of(algorithm)].material
    return jwt.decode(
        token,
        key,
        algorithms=[algorithm],
        audience="orders",
        issuer=claims()["iss"],
        options={"require": ["exp", "iat", "iss", "aud", "sub", "jti"]},
    )


def both(token: str, algorithm: str) -> tuple[bool, bool]:
    """Whether we believe a token, and whether PyJWT does."""
    try:
        decode(token, algorithm)
    except jwt.InvalidTokenError:
        return is_believed(token), False
    return is_believed(token), True


@thoroughly
@given(claimed=CLAIMED, age=st.integers(0, 590))
def test_we_read_what_pyjwt_reads(algorithm, claimed, age):
    now = int(time.time())
    token = sign(by=algorithm, **claimed, iat=now - age, exp=now - age + 600)

    assert verify(encryption.encrypt(token), "orders") == decode(token, algorithm)


@thoroughly
@given(
    claimed=st.fixed_dictionaries(
        {},
        optional={
            "iss": st.sampled_from(["http://localhost:8001", "", "x"]),
            "aud": st.sampled_from([["products"], [], ["order"]]),
            "exp": st.integers(1, 600).map(lambda ago: int(time.time()) - ago),
            "iat": st.integers(60, 500).map(lambda ahead: int(time.time()) + ahead),
            "nbf": st.integers(60, 500).map(lambda ahead: int(time.time()) + ahead),
            "sub": st.integers(0, 2**63),
            "jti": st.integers(0, 2**63),
        },
    )
)
def test_we_refuse_what_pyjwt_refuses(algorithm, claimed):
    assert both(sign(by=algorithm, **claimed), algorithm) == (not claimed, not claimed)


@thoroughly
@given(other=ALGORITHMS)
def test_a_key_and_an_algorithm_go_together(algorithm, other):
    assume(other != algorithm)
    key = b"k" * 32 if "HS256" in (other, algorithm) and other == "HS256" else private_key(other)

    token = seal(header(algorithm), claims(), other, key)

    assert both(token, algorithm) == (False, False)


def test_a_refusal_is_never_remembered_as_good():
    cache.clear()
    token = good("ES256")[:-1]

    assert [is_believed(token), is_believed(token)] == [False, False]
