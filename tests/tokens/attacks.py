"""Tokens that nobody may believe, each by name with what the refusal says."""

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from joserfc import jwe
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from jwt.utils import base64url_decode, base64url_encode

from tests.issuer import KEY, KEYS, KID, claims, encode, header, kid_of, make_signature, seal, sign_list
from tests.issuer import sign_inner as sign
from tokens import encryption
from tokens.keys import P256_ORDER
from tokens.status_list import LIST_SIZE, PATH

LISTENER = "http://127.0.0.1:{port}"
"""Where an attacker listens; the port is filled in when the attack is made."""

SHAPE = "The token is not three base64url parts."
CANONICAL = "A part of the token is not canonical base64url."
JSON = "A part of the token is not UTF-8 JSON."
OBJECT = "A part of the token is not a JSON object."
REPEATED = "The token repeats a name."
DEEP = "The token nests too deeply."
LONG = "The token is too long."
TYPE = "The token is not an access token."
EXTENSION = "The token's header asks for an extension."
NO_KEY = "The token names no key."
UNKNOWN_KEY = "The token's key is unknown."
ALGORITHM = "The token's algorithm is not its key's."
SIGNATURE = "The token's signature is wrong."
EXPIRED = "The token has expired."
LIFETIME = "The token lives longer than any we issue."
LIST = "The token's status list is not its issuer's."
NUMBER = "The token's status list has no number."
INDEX = "The token's status index is not a number."
BEYOND = "The token's status index is beyond its list."

ABSENT = object()
OTHER_KEY = ECKey.generate_key("P-256").private_key


class Attack(NamedTuple):
    """A token, made when it is used, and the detail of the problem it must be answered with."""

    name: str
    forge: Callable[[int], str]
    detail: str


def present(token: str) -> str:
    """A forged token as it is sent: in a good shell where tokens are encrypted, if a header can hold it."""
    return encryption.encrypt(token) if len(token) < 40_000 else token


def attacks(group: str, detail: str, cases: dict[str, Callable[[], Any]]) -> list[Attack]:
    """Attacks whose tokens do not care where a listener is."""
    return [Attack(f"{group}: {name}", lambda _, forge=forge: forge(), detail) for name, forge in cases.items()]


def wrong(claim: str) -> str:
    return f"The token's {claim} is wrong or missing."


# Its shape --------------------------------------------------------------------------------------


def respell(change: Callable[[str, str, str], str]) -> Callable[[], str]:
    """A good token, its three parts written otherwise."""
    return lambda: change(*sign().split("."))


def loosen(part: dict[str, Any]) -> str:
    """JSON in base64url that decodes as ever, but whose last character has unused bits set."""
    raw = json.dumps(part).encode()
    text = encode(raw + b" " * ((1 - len(raw)) % 3))
    return text[:-1] + chr(ord(text[-1]) + 1)


SHAPES = [
    *attacks(
        "shape",
        SHAPE,
        {
            "stripped of its signature": respell(lambda h, p, s: f"{h}.{p}."),
            "two parts": respell(lambda h, p, s: f"{h}.{p}"),
            "one part": respell(lambda h, p, s: h),
            "no header": respell(lambda h, p, s: f".{p}.{s}"),
            "no payload": respell(lambda h, p, s: f"{h}..{s}"),
            "a signature alone": respell(lambda h, p, s: f"..{s}"),
            "dots alone": lambda: "..",
            "one dot": lambda: ".",
            "four parts": respell(lambda h, p, s: f"{h}.{p}.{s}.{s}"),
            "five parts, as a JWE has": respell(lambda h, p, s: f"{h}.{s}.{s}.{p}.{s}"),
            "a dot before": respell(lambda h, p, s: f".{h}.{p}.{s}"),
            "a dot after": respell(lambda h, p, s: f"{h}.{p}.{s}."),
            "eight thousand dots": lambda: "." * 8000,
            "header padded": respell(lambda h, p, s: f"{h}=.{p}.{s}"),
            "payload padded": respell(lambda h, p, s: f"{h}.{p}=.{s}"),
            "signature padded": respell(lambda h, p, s: f"{h}.{p}.{s}=="),
            "plain base64": respell(lambda h, p, s: f"{h}.{p}.{b64encode(base64url_decode(s) + b'>>>???').decode()}"),
            "a space within": respell(lambda h, p, s: f"{h}. {p}.{s}"),
            "a tab within": respell(lambda h, p, s: f"{h}.\t{p}.{s}"),
            "percent-encoded": respell(lambda h, p, s: f"{h}%2E{p}%2E{s}"),
            "in quotes": respell(lambda h, p, s: f'"{h}.{p}.{s}"'),
            "JSON serialization": respell(lambda h, p, s: '{"protected":"' + h + '"}'),
            "characters of Latin-1": respell(lambda h, p, s: f"{h}.{p}.{s}\xe9"),
        },
    ),
    *attacks(
        "shape",
        CANONICAL,
        {
            "header with spare bits": respell(lambda h, p, s: f"{loosen(header())}.{p}.{s}"),
            "payload with spare bits": respell(lambda h, p, s: f"{h}.{loosen(claims())}.{s}"),
            "signature with spare bits": respell(lambda h, p, s: f"{h}.{p}.{s[:-1]}{'B' if s[-1] != 'B' else 'C'}"),
        },
    ),
    *attacks(
        "shape",
        LONG,
        {
            "nine thousand dots": lambda: "." * 9000,
            "60 kB of signature": respell(lambda h, p, s: f"{h}.{p}.{s}{'A' * 60_000}"),
            "60 kB of name, well signed": lambda: sign(name="a" * 45_000),
            "8 kB and one character": lambda: "a.b." + "c" * (8 * 1024 - 3),
        },
    ),
]

# Its JSON ---------------------------------------------------------------------------------------


def payload(raw: bytes | str) -> Callable[[], str]:
    """A well signed token with this payload to the byte."""
    return lambda: seal(header(), raw if isinstance(raw, bytes) else raw.encode())


def recode(encoding: str) -> Callable[[], str]:
    return lambda: seal(header(), json.dumps(claims()).encode(encoding))


def recode_header(encoding: str) -> Callable[[], str]:
    return lambda: seal(json.dumps(header()).encode(encoding), claims())


def splice(text: str) -> Callable[[], str]:
    """A well signed token whose payload begins with more text."""
    return lambda: seal(header(), ("{" + text + "," + json.dumps(claims())[1:]).encode())


def splice_header(text: str) -> Callable[[], str]:
    return lambda: seal(("{" + text + "," + json.dumps(header())[1:]).encode(), claims())


def nest(depth: int, opening: str = "[", closing: str = "]") -> str:
    return opening * depth + ("1" if opening == '{"a":' else "") + closing * depth


TEXTS = [
    *attacks(
        "json",
        JSON,
        {
            "payload in UTF-16": recode("utf-16"),
            "payload in UTF-16 without a mark": recode("utf-16-be"),
            "payload in UTF-32": recode("utf-32"),
            "payload with a byte order mark": recode("utf-8-sig"),
            "header in UTF-16": recode_header("utf-16"),
            "header with a byte order mark": recode_header("utf-8-sig"),
            "a byte that is no UTF-8": lambda: seal(header(), b'{"name":"\xff",' + json.dumps(claims()).encode()[1:]),
            "overlong UTF-8": lambda: seal(header(), b'{"name":"\xc0\xaf",' + json.dumps(claims()).encode()[1:]),
            "a lone surrogate": splice(r'"x":"\ud800"'),
            "a raw line break in a text": splice('"x":"\n"'),
            "a comment": splice("/* admin */"),
            "single quotes": payload("{'sub': 'alice'}"),
            "a comma too many": lambda: seal(header(), json.dumps(claims()).encode()[:-1] + b",}"),
            "something after it": lambda: seal(header(), json.dumps(claims()).encode() + b"{}"),
            "cut off": lambda: seal(header(), json.dumps(claims()).encode()[:-1]),
            "spaces alone": payload("   "),
            "a null character": payload("\0"),
            "nested beyond any parser": splice(f'"x":{nest(2500)}'),
            "NaN": splice('"x":NaN'),
            "Infinity": splice('"x":-Infinity'),
        },
    ),
    *attacks(
        "json",
        OBJECT,
        {
            "payload a list": payload("[]"),
            "payload a text": payload('"admin"'),
            "payload null": payload("null"),
            "payload a number": payload("1"),
            "header a list": lambda: seal(b"[]", claims()),
            "header null": lambda: seal(b"null", claims()),
        },
    ),
    *attacks(
        "json",
        REPEATED,
        {
            "sub twice": splice('"sub":"admin"'),
            "scope twice": splice('"scope":"accounts:manage"'),
            "exp twice": splice('"exp":99999999999'),
            "sub twice, once escaped": splice(r'"s\u0075b":"admin"'),
            "idx twice": lambda: seal(
                header(), json.dumps(claims()).replace('"idx": 1', '"idx": 1, "idx": 2').encode()
            ),
            "alg twice": splice_header('"alg":"none"'),
            "kid twice": splice_header('"kid":"other"'),
            "a name twice that means nothing": splice('"x":1,"x":2'),
        },
    ),
    *attacks(
        "json",
        DEEP,
        {
            "five lists deep": splice(f'"x":{nest(5)}'),
            "a hundred lists deep": splice(f'"x":{nest(100)}'),
            "five objects deep": splice('"x":' + nest(5, '{"a":', "}")),
            "in the header": splice_header(f'"x":{nest(5)}'),
        },
    ),
]

# Its header -------------------------------------------------------------------------------------


def headed(**changes: Any) -> Callable[[], str]:
    """A well signed token whose header says otherwise."""
    return lambda: seal({k: v for k, v in header(**changes).items() if v is not ABSENT}, claims())


EXTENSIONS = attacks(
    "header",
    EXTENSION,
    {
        "crit of exp": headed(crit=["exp"], exp=1),
        "crit empty": headed(crit=[]),
        "crit null": headed(crit=None),
        "crit a text": headed(crit="b64"),
        "crit and b64 false": headed(crit=["b64"], b64=False),
        "b64 false": headed(b64=False),
        "b64 true": headed(b64=True),
        "zip": headed(zip="DEF"),
        "zip null": headed(zip=None),
        "crit of itself": headed(crit=["crit"]),
    },
)
TYPES = attacks(
    "typ",
    TYPE,
    {
        "missing": headed(typ=ABSENT),
        "JWT": headed(typ="JWT"),
        "null": headed(typ=None),
        "a number": headed(typ=1),
        "a list": headed(typ=["at+jwt"]),
        "an object": headed(typ={"at+jwt": 1}),
        "empty": headed(typ=""),
        "a space after": headed(typ="at+jwt "),
        "another application type": headed(typ="application/jwt"),
        "refresh token": headed(typ="rt+jwt"),
        "logout token": headed(typ="logout+jwt"),
        "a status list, well signed": sign_list,
        "a status list's claims in an ID token": lambda: seal(header(typ="JWT"), claims(status_list={"bits": 1})),
    },
)
KIDS = [
    *attacks(
        "kid",
        NO_KEY,
        {
            "missing": headed(kid=ABSENT),
            "null": headed(kid=None),
            "a number": headed(kid=0),
            "true": headed(kid=True),
            "a list": headed(kid=[KID]),
            "an object": headed(kid={"kid": KID}),
            "blank": headed(kid=""),
            "a space": headed(kid=" "),
            "with a null character": headed(kid=f"{KID}\0"),
            "with a line break": headed(kid=f"{KID}\n"),
            "300 characters": headed(kid="a" * 300),
            "SQL": headed(kid="' UNION SELECT 'secret' --"),
            "not ASCII": headed(kid="schl\u00fcssel"),
        },
    ),
    *attacks(
        "kid",
        UNKNOWN_KEY,
        {
            "unknown": headed(kid="unknown"),
            "a path": headed(kid="../../../../../../dev/null"),
            "an absolute path": headed(kid="/etc/passwd"),
            "a file URL": headed(kid="file:///dev/null"),
            "a command": headed(kid="|id"),
            "in another case": lambda: seal(header(kid=kid_of(settings.JWT_ALGORITHM).swapcase()), claims()),
            "a name of Python's": headed(kid="__class__"),
        },
    ),
]

# Its algorithm and signature --------------------------------------------------------------------


def unsigned(alg: Any, signature: str = "AA") -> Callable[[], str]:
    return lambda: f"{encode(header(alg=alg))}.{encode(claims())}.{signature}"


def resign(change: Callable[[bytes], bytes]) -> Callable[[], str]:
    """A good token with another signature made from its own."""

    def forge() -> str:
        signed, _, signature = sign().rpartition(".")
        return f"{signed}.{base64url_encode(change(base64url_decode(signature))).decode()}"

    return forge


NONES = ["none", "None", "NONE", "nOnE", "NonE", "none ", " none", "none\0", "n\u043ene"]
UNSIGNED = [
    *attacks("alg", SHAPE, {f"{name!r}, empty signature": unsigned(name, "") for name in NONES}),
    *attacks("alg", ALGORITHM, {f"{name!r}, some signature": unsigned(name) for name in NONES}),
    *attacks("alg", ALGORITHM, {f"{name!r}, a good signature": headed(alg=name) for name in NONES[:3]}),
    *attacks(
        "alg",
        ALGORITHM,
        {
            "missing": headed(alg=ABSENT),
            "empty": headed(alg=""),
            "null": headed(alg=None),
            "true": headed(alg=True),
            "a number": headed(alg=256),
            "a list": headed(alg=["ES256", "HS256"]),
            "an object": headed(alg={"ES256": 1}),
            "in lower case": lambda: seal(header(alg=settings.JWT_ALGORITHM.lower()), claims()),
            "a space after": lambda: seal(header(alg=settings.JWT_ALGORITHM + " "), claims()),
            "unheard of": headed(alg="XX256"),
        },
    ),
    *attacks(
        "signature",
        SIGNATURE,
        {
            "one byte": resign(lambda s: b"\0"),
            "zeros": resign(lambda s: bytes(len(s))),
            "ones": resign(lambda s: b"\xff" * len(s)),
            "one byte less": resign(lambda s: s[:-1]),
            "one byte more": resign(lambda s: s + b"\0"),
            "a zero before": resign(lambda s: b"\0" + s),
            "one bit of it": resign(lambda s: bytes([s[0] ^ 1]) + s[1:]),
            "reversed": resign(lambda s: s[::-1]),
            "twice": resign(lambda s: s + s),
            "of another token": lambda: f"{sign().rpartition('.')[0]}.{sign().rpartition('.')[2]}",
            "of the payload alone": lambda: sign_part("payload"),
            "over more rights": lambda: swap_payload(scope="accounts:manage products:write orders:manage"),
            "over another sub": lambda: swap_payload(sub="00000000-0000-4000-8000-000000000002"),
            "over a later end": lambda: swap_payload(exp=claims()["exp"] + 60),
        },
    ),
]


def sign_part(part: str) -> str:
    body = encode(claims())
    return f"{encode(header())}.{body}.{base64url_encode(make_signature(body.encode())).decode()}"


def swap_payload(**changes: Any) -> str:
    """A good token whose payload was exchanged for another."""
    head, _, signature = sign().split(".")
    return f"{head}.{encode(claims(**changes))}.{signature}"


def pair(r: int, s: int) -> Callable[[], str]:
    return resign(lambda _: r.to_bytes(32, "big") + s.to_bytes(32, "big"))


def other_root(signature: bytes) -> bytes:
    """The second signature that whoever has one ES256 signature can make: (r, n - s)."""
    return signature[:32] + (P256_ORDER - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")


def as_der(signature: bytes) -> bytes:
    return encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))


ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493


def add_order(signature: bytes) -> bytes:
    """An Ed25519 signature with S + L in place of S."""
    scalar = int.from_bytes(signature[32:], "little") + ED25519_ORDER
    return signature[:32] + scalar.to_bytes(32, "little")


def signed_as(by: str, change: Callable[[bytes], bytes]) -> Callable[[], str]:
    def forge() -> str:
        signed = sign(by=by).rpartition(".")[0]
        return f"{signed}.{base64url_encode(change(make_signature(signed.encode(), by))).decode()}"

    return forge


CURVE_TRICKS = attacks(
    "signature",
    SIGNATURE,
    {
        "r and s zero": pair(0, 0),
        "r one, s zero": pair(1, 0),
        "r zero, s one": pair(0, 1),
        "r and s the order": pair(P256_ORDER, P256_ORDER),
        "r the order, s one": pair(P256_ORDER, 1),
        "the other root": resign(other_root),
        "r and s exchanged": resign(lambda s: s[32:] + s[:32]),
        "in DER": resign(as_der),
        "Ed25519, S plus the order": signed_as("EdDSA", add_order),
        "Ed25519, zeros": signed_as("EdDSA", lambda s: bytes(64)),
        "Ed25519, the neutral point": signed_as("EdDSA", lambda s: b"\1" + bytes(63)),
        "RSA, a zero before": signed_as("RS256", lambda s: b"\0" + s),
        "RSA, zeros": signed_as("RS256", lambda s: bytes(256)),
        "RSA, one": signed_as("RS256", lambda s: bytes(255) + b"\1"),
        "RSA, one byte less": signed_as("RS256", lambda s: s[1:]),
    },
)

OTHER_EC, OTHER_RSA, OTHER_OKP = ECKey.generate_key("P-256"), RSAKey.generate_key(2048), OKPKey.generate_key("Ed25519")


def public_bytes(algorithm: str, encoding: Encoding, form: PublicFormat) -> bytes:
    return KEYS[algorithm].public_key.public_bytes(encoding, form)


def member(algorithm: str, name: str) -> bytes:
    return KEYS[algorithm].as_dict(private=False)[name].encode()


SPKI = PublicFormat.SubjectPublicKeyInfo
SECRETS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "PEM": ("ES256", lambda: public_bytes("ES256", Encoding.PEM, SPKI)),
    "PEM without its line break": ("ES256", lambda: public_bytes("ES256", Encoding.PEM, SPKI).rstrip()),
    "DER": ("ES256", lambda: public_bytes("ES256", Encoding.DER, SPKI)),
    "JWK": ("ES256", lambda: json.dumps(KEY.as_dict(private=False)).encode()),
    "JWK without spaces": ("ES256", lambda: json.dumps(KEY.as_dict(private=False), separators=(",", ":")).encode()),
    "point": ("ES256", lambda: public_bytes("ES256", Encoding.X962, PublicFormat.UncompressedPoint)),
    "point compressed": ("ES256", lambda: public_bytes("ES256", Encoding.X962, PublicFormat.CompressedPoint)),
    "x": ("ES256", lambda: base64url_decode(member("ES256", "x"))),
    "x in base64url": ("ES256", lambda: member("ES256", "x")),
    "kid": ("ES256", KID.encode),
    "RSA PEM": ("RS256", lambda: public_bytes("RS256", Encoding.PEM, SPKI)),
    "RSA PEM by PKCS 1": ("RS256", lambda: public_bytes("RS256", Encoding.PEM, PublicFormat.PKCS1)),
    "RSA DER": ("RS256", lambda: public_bytes("RS256", Encoding.DER, SPKI)),
    "RSA modulus": ("RS256", lambda: base64url_decode(member("RS256", "n"))),
    "RSA modulus in base64url": ("RS256", lambda: member("RS256", "n")),
    "Ed25519 PEM": ("EdDSA", lambda: public_bytes("EdDSA", Encoding.PEM, SPKI)),
    "Ed25519 key": ("EdDSA", lambda: public_bytes("EdDSA", Encoding.Raw, PublicFormat.Raw)),
    "nothing": ("ES256", lambda: b""),
}


def confuse(hmac: str, of: str, secret: Callable[[], bytes]) -> Callable[[], str]:
    """A token signed by HMAC with what everybody knows of a public key."""
    return lambda: seal(header(of, alg=hmac), claims(), hmac, secret())


CONFUSIONS = [
    *attacks("confusion", ALGORITHM, {f"{name} as secret": confuse("HS256", *case) for name, case in SECRETS.items()}),
    *attacks(
        "confusion", ALGORITHM, {f"PEM as secret of {h}": confuse(h, *SECRETS["PEM"]) for h in ("HS384", "HS512")}
    ),
    *attacks(
        "confusion",
        UNKNOWN_KEY,
        {
            "the kid of a shared secret": lambda: seal(header(alg="HS256", kid="shared"), claims(), "HS256", b"x" * 32),
            "SECRET_KEY": lambda: seal(
                header(alg="HS256", kid="shared"), claims(), "HS256", settings.SECRET_KEY.encode()
            ),
            "another's key by its own name": lambda: seal(
                header(kid=OTHER_EC.thumbprint()), claims(), key=OTHER_EC.private_key
            ),
        },
    ),
    *attacks(
        "confusion",
        ALGORITHM,
        {
            f"{alg} over a signature by ES256": headed(alg=alg)
            for alg in ("RS256", "EdDSA", "HS256", "ES384", "ES512", "ES256K", "PS256", "RS512")
        },
    ),
    *attacks(
        "confusion",
        ALGORITHM,
        {
            "RS256 by the name of the ES256 key": lambda: seal(header("RS256", kid=KID), claims(), "RS256"),
            "ES256 by the name of the RS256 key": lambda: seal(header(kid=kid_of("RS256")), claims()),
            "EdDSA by the name of the ES256 key": lambda: seal(header("EdDSA", kid=KID), claims(), "EdDSA"),
        },
    ),
    *attacks(
        "confusion",
        SIGNATURE,
        {
            "another ES256 key": lambda: seal(header(), claims(), key=OTHER_EC.private_key),
            "another RS256 key": lambda: seal(header("RS256"), claims(), "RS256", OTHER_RSA.private_key),
            "another EdDSA key": lambda: seal(header("EdDSA"), claims(), "EdDSA", OTHER_OKP.private_key),
            "PSS under the name of RS256": lambda: seal(header("RS256"), claims(), "PS256", KEYS["RS256"].private_key),
            "SHA-512 under the name of RS256": lambda: seal(
                header("RS256"), claims(), "RS512", KEYS["RS256"].private_key
            ),
        },
    ),
]
SHARED_CONFUSIONS = [
    *attacks("confusion", UNKNOWN_KEY, {f"a good {name} token": lambda name=name: sign(by=name) for name in KEYS}),
    *attacks("confusion", ALGORITHM, {f"the secret with {h}": headed(alg=h) for h in ("HS384", "HS512", "ES256")}),
    *attacks(
        "confusion",
        SIGNATURE,
        {
            "another secret": lambda: seal(header(), claims(), key=b"y" * 32),
            "a null character and the secret": lambda: seal(
                header(), claims(), key=b"\0" + settings.JWT_SIGNING_KEY.encode()
            ),
            "no secret": lambda: seal(header(), claims(), "HS256", b""),
            "SECRET_KEY": lambda: seal(header(), claims(), key=settings.SECRET_KEY.encode()),
            "SHA-384 under the name of SHA-256": lambda: seal(
                header(), claims(), "HS384", settings.JWT_SIGNING_KEY.encode()
            ),
        },
    ),
]

# Keys and lists to be fetched from elsewhere ----------------------------------------------------


def lure(detail: str, cases: dict[str, Callable[[str], str]]) -> list[Attack]:
    """Attacks that would have somebody fetch something from where the attacker listens."""
    return [
        Attack(f"lure: {name}", lambda port, forge=forge: forge(LISTENER.format(port=port)), detail)
        for name, forge in cases.items()
    ]


def mine(kid: str | None = None, **changes: Any) -> str:
    """A token signed by the attacker's own key."""
    own = OTHER_EC.thumbprint()
    return seal(header("ES256", kid=kid or own, **changes), claims(), "ES256", OTHER_EC.private_key)


def listed_at(uri: str) -> str:
    return sign(status={"status_list": {"idx": 1, "uri": uri}})


OTHER_JWK = {**OTHER_EC.as_dict(private=False), "alg": "ES256", "use": "sig", "kid": OTHER_EC.thumbprint()}
LURES = [
    *lure(
        UNKNOWN_KEY,
        {
            "jwk": lambda _: mine(jwk=OTHER_JWK),
            "jku": lambda url: mine(jku=f"{url}/jwks.json"),
            "jku at the issuer's name": lambda url: mine(jku=f"{settings.ISSUER}@{url.removeprefix('http://')}/jwks"),
            "x5u": lambda url: mine(x5u=f"{url}/chain.pem"),
            "x5c": lambda _: mine(x5c=["MIIB"]),
            "x5t": lambda _: mine(**{"x5t": "AAAA", "x5t#S256": "AAAA"}),
            "a kid that is an address": lambda url: mine(kid=f"{url}/key"),
        },
    ),
    *lure(
        "The token's iss is wrong or missing.",
        {"another issuer": lambda url: sign(iss=url), "the issuer's port": lambda url: sign(iss=f"{settings.ISSUER}0")},
    ),
    *lure(
        LIST,
        {
            "a list elsewhere": lambda url: listed_at(f"{url}{PATH}0"),
            "a list at a user of the issuer's name": lambda url: listed_at(
                f"{settings.ISSUER}@{url.removeprefix('http://')}{PATH}0"
            ),
            "a list without a scheme": lambda url: listed_at(f"{url.removeprefix('http:')}{PATH}0"),
            "a list in a file": lambda _: listed_at("file:///etc/passwd"),
            "a list by path alone": lambda _: listed_at(f"{PATH}0"),
            "a list of another path": lambda _: listed_at(f"{settings.ISSUER}/token-status/0"),
            "a list by the issuer's name in capitals": lambda _: listed_at(f"{settings.ISSUER.upper()}{PATH}0"),
            "a list's address in a list": lambda url: listed_at([f"{url}{PATH}0"]),
            "a list's address null": lambda _: listed_at(None),
        },
    ),
]
ASYMMETRIC_LURES = lure(
    SIGNATURE,
    {
        "jwk under a known kid": lambda _: mine(kid=KID, jwk=OTHER_JWK),
        "jku under a known kid": lambda url: mine(kid=KID, jku=f"{url}/jwks.json"),
        "x5u under a known kid": lambda url: mine(kid=KID, x5u=f"{url}/chain.pem"),
    },
)

# Its claims -------------------------------------------------------------------------------------

WRONG: dict[str, Any] = {
    "null": None,
    "true": True,
    "a number": 7,
    "a fraction": 0.5,
    "a text": "x",
    "an empty text": "",
    "an empty list": [],
    "an empty object": {},
}
RIGHT = {
    "aud": (),
    "client_id": ("a text",),
    "exp": ("a number",),
    "iat": ("a number",),
    "iss": (),
    "jti": ("a text",),
    "roles": ("an empty list",),
    "scope": ("a text", "an empty text"),
    "status": (),
    "sub": ("a text",),
    "token_type": (),
}
"""Every required claim, and which of the wrong values happen to be right for it (or wrong otherwise)."""


def claimed(**changes: Any) -> Callable[[], str]:
    """A well signed token that claims otherwise."""
    return lambda: seal(header(), {k: v for k, v in claims(**changes).items() if v is not ABSENT})


def raw_claim(name: str, text: str) -> Callable[[], str]:
    """A well signed token with a claim spelled just so."""
    return lambda: seal(header(), json.dumps(claims(**{name: "@@"})).replace('"@@"', text).encode())


def each_wrong() -> Iterator[Attack]:
    for claim, right in RIGHT.items():
        cases = {f"{claim} {name}": claimed(**{claim: value}) for name, value in WRONG.items() if name not in right}
        yield from attacks("claim", wrong(claim), {f"{claim} missing": claimed(**{claim: ABSENT}), **cases})


def now(seconds: int) -> int:
    return claims()["iat"] + seconds


def lived(start: int, lifetime: int) -> str:
    """A well signed token that begins some seconds from now and lives so long."""
    moment = now(start)
    return sign(iat=moment, exp=moment + lifetime)


TIMES = [
    *attacks(
        "time",
        JSON,
        {
            "exp NaN": raw_claim("exp", "NaN"),
            "exp Infinity": raw_claim("exp", "Infinity"),
            "exp 1e400": raw_claim("exp", "1e400"),
            "iat -1e400": raw_claim("iat", "-1e400"),
            "exp in hexadecimal": raw_claim("exp", "0xFFFFFFFF"),
            "exp with a zero before": raw_claim("exp", "09999999999"),
        },
    ),
    *attacks(
        "time",
        wrong("exp"),
        {
            "exp 10^20": raw_claim("exp", "100000000000000000000"),
            "exp 10^300 in digits": raw_claim("exp", "1" + "0" * 300),
            "exp 1e20": raw_claim("exp", "1e20"),
            "exp a text of digits": lambda: sign(exp=str(now(600))),
            "exp a fraction": lambda: sign(exp=now(600) + 0.5),
            "exp whole with a point": lambda: seal(header(), json.dumps(claims(exp=float(now(600)))).encode()),
            "exp a list": lambda: sign(exp=[now(600)]),
            "exp an object": lambda: sign(exp={"exp": now(600)}),
            "exp as a date": lambda: sign(exp="2999-01-01T00:00:00Z"),
        },
    ),
    *attacks(
        "time",
        wrong("iat"),
        {
            "iat a text of digits": lambda: sign(iat=str(now(0))),
            "iat a fraction": lambda: sign(iat=now(0) + 0.5),
            "iat a minute ahead": lambda: sign(iat=now(60), exp=now(600)),
            "iat 10^18": lambda: sign(iat=10**18),
            "iat 2^63": lambda: sign(iat=2**63),
            "iat a list": lambda: sign(iat=[now(0)]),
        },
    ),
    *attacks(
        "time",
        "The token's nbf is wrong.",
        {
            "nbf a minute ahead": lambda: sign(nbf=now(60)),
            "nbf a text": lambda: sign(nbf="0"),
            "nbf true": lambda: sign(nbf=True),
            "nbf null": lambda: sign(nbf=None),
            "nbf a fraction": lambda: sign(nbf=0.5),
            "nbf a list": lambda: sign(nbf=[]),
            "nbf 2^64 - 1": lambda: sign(nbf=2**64 - 1),
        },
    ),
    *attacks(
        "time",
        EXPIRED,
        {
            "expired a second ago": lambda: sign(iat=now(-600), exp=now(-1)),
            "expired just now": lambda: sign(iat=now(-600), exp=now(0)),
            "expired long ago": lambda: sign(iat=now(-(10**6)), exp=now(-(10**6) + 600)),
            "exp zero": lambda: sign(exp=0),
            "exp below zero": lambda: sign(exp=-1),
        },
    ),
    *attacks(
        "time",
        LIFETIME,
        {
            "lives a second too long": lambda: lived(0, 1801),
            "lives for ever": lambda: sign(exp=2**62),
            "exp 10^19": lambda: sign(exp=10**19),
            "iat zero": lambda: sign(iat=0),
            "iat below zero": lambda: sign(iat=-(2**62)),
            "ends before it begins": lambda: lived(20, -10),
            "ends as it begins": lambda: lived(20, 0),
        },
    ),
]
NAMES = [
    *attacks(
        "claim",
        wrong("iss"),
        {
            "iss with a slash after": lambda: sign(iss=f"{settings.ISSUER}/"),
            "iss in capitals": lambda: sign(iss=settings.ISSUER.upper()),
            "iss with a path": lambda: sign(iss=f"{settings.ISSUER}/realm"),
            "iss in a list": lambda: sign(iss=[settings.ISSUER]),
            "iss with a space": lambda: sign(iss=f" {settings.ISSUER}"),
        },
    ),
    *attacks(
        "claim",
        wrong("aud"),
        {
            "aud a text": lambda: sign(aud="products orders accounts"),
            "aud a text of this service": lambda: sign(aud=settings.SERVICES[-1]),
            "aud with a number": lambda: sign(aud=[*settings.SERVICES, 1]),
            "aud with null": lambda: sign(aud=[*settings.SERVICES, None]),
            "aud in a list of lists": lambda: sign(aud=[settings.SERVICES]),
            "aud an object": lambda: sign(aud=dict.fromkeys(settings.SERVICES, True)),
        },
    ),
    *attacks(
        "claim",
        "The token is meant for another service.",
        {
            "aud another service": lambda: sign(aud=["billing"]),
            "aud a star": lambda: sign(aud=["*"]),
            "aud in capitals": lambda: sign(aud=[name.upper() for name in settings.SERVICES]),
            "aud with a space": lambda: sign(aud=[f"{name} " for name in settings.SERVICES]),
            "aud the issuer": lambda: sign(aud=[settings.ISSUER]),
            "aud an empty text": lambda: sign(aud=[""]),
            "aud all in one text": lambda: sign(aud=[" ".join(settings.SERVICES) + " more"]),
        },
    ),
    *attacks(
        "claim",
        wrong("sub"),
        {
            "sub of 65 characters": lambda: sign(sub="a" * 65),
            "sub with a space": lambda: sign(sub="alice bob"),
            "sub with a line break after": lambda: sign(sub="alice\n"),
            "sub not ASCII": lambda: sign(sub="ali\u00e7e"),
            "sub with a null character": lambda: sign(sub="alice\0"),
        },
    ),
    *attacks("claim", wrong("jti"), {"jti of 256 characters": lambda: sign(jti="a" * 256)}),
    *attacks("claim", wrong("client_id"), {"client_id of 256 characters": lambda: sign(client_id="a" * 256)}),
    *attacks(
        "claim",
        "The token's sid is wrong.",
        {
            "sid empty": lambda: sign(sid=""),
            "sid of 256 characters": lambda: sign(sid="a" * 256),
            "sid null": lambda: sign(sid=None),
            "sid a number": lambda: sign(sid=1),
            "sid with a space": lambda: sign(sid="a b"),
        },
    ),
    *attacks("claim", "The token's name is wrong.", {"name a list": lambda: sign(name=["Alice"])}),
    *attacks("claim", "The token's email is wrong.", {"email null": lambda: sign(email=None)}),
    *attacks(
        "claim",
        wrong("token_type"),
        {
            "token_type refresh": lambda: sign(token_type="refresh"),
            "token_type in capitals": lambda: sign(token_type="Access"),
        },
    ),
    *attacks(
        "claim",
        wrong("scope"),
        {
            "scope a list of words": lambda: sign(scope=["products:read"]),
            "scope with two spaces": lambda: sign(scope="products:read  account"),
            "scope with a space before": lambda: sign(scope=" products:read"),
            "scope with a space after": lambda: sign(scope="products:read "),
            "scope with a tab": lambda: sign(scope="products:read\taccount"),
            "scope with a line break after": lambda: sign(scope="products:read\n"),
            "scope with a quote": lambda: sign(scope='products:read "'),
            "scope with a backslash": lambda: sign(scope="products:read \\"),
            "scope not ASCII": lambda: sign(scope="products:re\u00e4d"),
        },
    ),
    *attacks(
        "claim",
        wrong("roles"),
        {
            "roles a text": lambda: sign(roles="admin"),
            "roles with a number": lambda: sign(roles=["admin", 1]),
            "roles with null": lambda: sign(roles=[None]),
            "roles in lists": lambda: sign(roles=[["admin"]]),
            "roles an object": lambda: sign(roles={"admin": True}),
        },
    ),
]


def status(idx: Any = 1, uri: str = "0", **more: Any) -> Callable[[], str]:
    """A well signed token whose status stands elsewhere."""
    return lambda: sign(status={"status_list": {"idx": idx, "uri": f"{settings.ISSUER}{PATH}{uri}"}, **more})


STATUSES = [
    *attacks(
        "status",
        wrong("status"),
        {
            "without a list": claimed(status={"other": {}}),
            "a list that is a list": claimed(status={"status_list": [0, "x"]}),
            "a list that is null": claimed(status={"status_list": None}),
        },
    ),
    *attacks(
        "status",
        INDEX,
        {
            "index missing": lambda: sign(status={"status_list": {"uri": f"{settings.ISSUER}{PATH}0"}}),
            "index below zero": status(idx=-1),
            "index true": status(idx=True),
            "index false": status(idx=False),
            "index a text": status(idx="1"),
            "index a fraction": status(idx=1.5),
            "index null": status(idx=None),
            "index a list": status(idx=[1]),
            "index 10^20": lambda: sign_raw_index("100000000000000000000"),
        },
    ),
    *attacks(
        "status",
        BEYOND,
        {
            "index one beyond": status(idx=LIST_SIZE),
            "index 2^63": status(idx=2**63),
            "index 2^64 - 1": status(idx=2**64 - 1),
        },
    ),
    *attacks(
        "status",
        NUMBER,
        {
            "list without a number": status(uri=""),
            "list of ten digits": status(uri="0" * 10),
            "list below zero": status(uri="-1"),
            "list with a plus": status(uri="+0"),
            "list with a slash after": status(uri="0/"),
            "list with a query": status(uri="0?fresh"),
            "list with a fragment": status(uri="0#1"),
            "list by a way round": status(uri="../token-status/0"),
            "list with a line break after": status(uri="0\n"),
            "list with a space": status(uri=" 0"),
            "list in other digits": status(uri="\u0660"),
            "list in hexadecimal": status(uri="0x0"),
        },
    ),
    *attacks(
        "status",
        LIST,
        {
            "uri missing": lambda: sign(status={"status_list": {"idx": 1}}),
            "uri a number": lambda: sign(status={"status_list": {"idx": 1, "uri": 0}}),
        },
    ),
    *attacks(
        "status",
        "The token's status list is unknown.",
        {"list unknown": status(uri="5"), "list of nine digits": status(uri="999999999")},
    ),
]


def sign_raw_index(text: str) -> str:
    return seal(header(), json.dumps(claims()).replace('"idx": 1', f'"idx": {text}').encode())


EITHER_WAY = [
    *SHAPES, *TEXTS, *EXTENSIONS, *TYPES, *KIDS, *UNSIGNED, *LURES, *each_wrong(), *TIMES, *NAMES, *STATUSES,
]  # fmt: skip
"""What is tried whether keys are public or one secret is shared."""
ASYMMETRIC = [*CURVE_TRICKS, *CONFUSIONS, *ASYMMETRIC_LURES]
SHARED = SHARED_CONFUSIONS


# The shell around it, where tokens are encrypted -------------------------------------------------

NOT_OURS = "The token is not encrypted as ours are."
ANOTHER_WAY = "The token is encrypted in another way than ours."
SHUT = "The token does not open with any key of ours."
WITHIN = "The token is not three base64url parts."


def shell(inner: str | bytes, key: bytes | None = None, **header_changes: Any) -> str:
    """A JWE around something, good but for its key and what its header says otherwise."""
    told = {name: value for name, value in (encryption.HEADER | header_changes).items() if value is not ABSENT}
    used = OctKey.import_key(key or settings.JWT_ENCRYPTION_KEYS[0])
    return jwe.encrypt_compact(told, inner, used, algorithms=[told["alg"], told["enc"], "DEF"])


def tamper(part: int) -> str:
    """A good shell, one part of it begun otherwise."""
    parts = shell(sign()).split(".")
    parts[part] = ("A" if parts[part][0] != "A" else "B") + parts[part][1:]
    return ".".join(parts)


def unsigned() -> str:
    return f"{encode(header() | {'alg': 'none'})}.{encode(claims())}."


SHELLS = [
    *attacks(
        "shell",
        NOT_OURS,
        {
            "none at all": sign,
            "four parts": lambda: shell(sign()).rpartition(".")[0],
            "six parts": lambda: shell(sign()) + ".AAAA",
            "an encrypted key": lambda: shell(sign()).replace("..", ".AAAA."),
            "wrapped key": lambda: shell(sign(), alg="A256KW"),
            "wrapped key of GCM": lambda: shell(sign(), alg="A256GCMKW"),
        },
    ),
    *attacks(
        "shell",
        ANOTHER_WAY,
        {
            "CBC and HMAC": lambda: shell(sign(), enc="A128CBC-HS256"),
            "zip": lambda: shell(sign(), zip="DEF"),
            "a zip bomb": lambda: shell(b"\0" * 5_000_000, zip="DEF"),
            "no cty": lambda: shell(sign(), cty=ABSENT),
            "a kid that traverses": lambda: shell(sign(), kid="../../key"),
            "a jwk of its own": lambda: shell(sign(), jwk={"kty": "oct", "k": "A" * 43}),
            "crit": lambda: shell(sign(), crit=["cty"]),
        },
    ),
    *attacks(
        "shell",
        SHUT,
        {
            "another key": lambda: shell(sign(), key=b"k" * 32),
            "tampered iv": lambda: tamper(2),
            "tampered ciphertext": lambda: tamper(3),
            "tampered tag": lambda: tamper(4),
            "a shorter tag": lambda: shell(sign())[:-6],
        },
    ),
    Attack("shell: tampered header", lambda _: tamper(0), JSON),
    Attack("shell: around an unsigned token", lambda _: shell(unsigned()), WITHIN),
    Attack("shell: around a shell", lambda _: shell(shell(sign())), WITHIN),
    Attack("shell: around nothing", lambda _: shell(""), NOT_OURS),
    Attack("shell: around a foreign signature", lambda _: shell(seal(header(), claims(), key=OTHER_KEY)), SIGNATURE),
]
