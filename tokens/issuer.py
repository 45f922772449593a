"""Where keys and status lists come from: what every issuer offers, and the one over HTTP."""

from functools import cache
from typing import Any, Protocol

import orjson
from django.conf import settings
from django.utils.module_loading import import_string

from database import clock
from tokens import status_list
from tokens.errors import ClocksDiffer, ListUnknown, TokenRefused
from tokens.fresh_documents import TIMEOUT, FreshDocument, FreshDocuments
from tokens.http_client import Response, fetch
from tokens.jws import parse_jws
from tokens.keys import KeySet, VerifyingKey, read_key_set, shared_key
from tokens.status_list import StatusList

MAX_DOCUMENT = 512 * 1024
"""Bytes that a key set or a status list may have."""
SIGNED_FOR = 60
"""Seconds after which a list is signed anew even if nothing changed."""
CLOCK_SKEW = 30
"""Seconds that another machine's clock may be ahead of ours."""


class TokenIssuer(Protocol):
    """What a verifier needs to know of who signs tokens, at most 8 seconds old while that can be reached, else the last
    good copy; `IssuerUnavailable` is raised where there never was one."""

    def keys(self) -> KeySet: ...

    def refetch_keys(self) -> KeySet:
        """The keys, fetched anew since one was missing; at most twice a second."""

    def status_list(self, number: int) -> StatusList:
        """List `number`; raises `ListUnknown` if the issuer has no such list."""


@cache
def get_issuer() -> TokenIssuer:
    return import_string(settings.TOKEN_ISSUER)()


def read_lateness() -> float:
    """Seconds that keys or lists are older than they should be, since they cannot be renewed."""
    issuer = get_issuer()
    return issuer.lateness if isinstance(issuer, CachedIssuer) else 0.0


def read_age(name: str) -> float:
    """Seconds since the `keys` held were asked for, or the `status-list` that was asked for last; infinite if none was.

    Nobody asks for what no request needs, so it may grow where nothing is wrong.
    """
    issuer = get_issuer()
    return issuer.ages[name] if isinstance(issuer, CachedIssuer) else 0.0


def read_skew() -> float:
    """Seconds that the issuer's clock is ahead of ours, as far as its documents say."""
    issuer = get_issuer()
    return max((skew.seconds for skew in issuer.skews), key=abs) if isinstance(issuer, RemoteIssuer) else 0.0


class CachedIssuer:
    """An issuer whose documents are kept fresh in memory."""

    def __init__(self, keys: FreshDocument[KeySet], lists: FreshDocuments[StatusList]) -> None:
        self.keys, self.refetch_keys, self.status_list = keys.get, keys.refetch, lists.get
        self._documents = keys, lists

    @property
    def lateness(self) -> float:
        return max(document.lateness for document in self._documents)

    @property
    def ages(self) -> dict[str, float]:
        return {document.name: document.age for document in self._documents}


class RemoteIssuer(CachedIssuer):
    """Keys and status lists fetched from `ACCOUNTS_URL`, and from nowhere a token may name.

    What they say of their own age (`max-age`, `ttl`) is ignored: ours is shorter. An invalid one replaces nothing.
    """

    def __init__(self) -> None:
        self.skews = clock.Skew("issuer, by its Date"), clock.Skew("issuer, by its lists")
        super().__init__(FreshDocument("keys", self._fetch_keys), FreshDocuments("status-list", self._fetch_list))

    def _fetch_keys(self, held: KeySet | None) -> KeySet:
        if settings.JWT_ALGORITHM == "HS256":
            return shared_key(settings.JWT_SIGNING_KEY)

        return read_key_set(orjson.loads(read_body(self._get("/.well-known/jwks.json"))))

    def _fetch_list(self, number: int, held: StatusList | None) -> StatusList:
        response = self._get(f"{status_list.PATH}{number}")
        if response.status == 404:
            raise ListUnknown("The token's status list is unknown.")

        try:
            listed = read_status_list(read_body(response).decode("ascii"), number, self, held)
        except ClocksDiffer as error:
            self.skews[1].note(error.skew)
            raise
        self.skews[1].note(measure_skew(listed.issued_at, clock.time(), kept_for=SIGNED_FOR))
        return listed

    def _get(self, path: str) -> Response:
        response = fetch(settings.ACCOUNTS_URL + path, timeout=TIMEOUT, limit=MAX_DOCUMENT)
        if response.date is not None:
            self.skews[0].note(measure_skew(response.date, clock.time()))
        return response


def measure_skew(date: int, now: float, *, kept_for: float = 0.0) -> float:
    """By how many seconds whoever dated something is ahead at least, or behind (below 0).

    A date has whole seconds, and what bears it was under way for a while, and kept before that.
    """
    return max(0.0, date - now) or min(0.0, date + 1 + TIMEOUT + kept_for - now)


def read_body(response: Response) -> bytes:
    """The document of a response; raises `ValueError` unless its status is 200."""
    if response.status != 200:
        raise ValueError(f"The issuer answered {response.status}.")

    return response.body


def find_key(kid: object, issuer: TokenIssuer) -> VerifyingKey | None:
    """The key with that `kid`; the keys are fetched anew if it is not among them."""
    return (issuer.keys().get(kid) or issuer.refetch_keys().get(kid)) if isinstance(kid, str) else None


def read_status_list(token: str, number: int, issuer: TokenIssuer, held: StatusList | None) -> StatusList:
    """Verify a status list token (draft-ietf-oauth-status-list-20, 8.3).

    Raises `TokenRefused` or `ValueError` for one that is forged, older than `held`, or of another list, and
    `ClocksDiffer` for one that has expired or is of the future.
    """
    # A list of 2^20 entries with every second one revoked does not fit the bound of access tokens.
    parts = parse_jws(token, max_length=MAX_DOCUMENT)
    key = find_key(parts.header.get("kid"), issuer)
    if not key or (parts.header.get("alg"), parts.header.get("typ")) != (key.algorithm, status_list.TYPE):
        raise TokenRefused("The status list is signed by nobody we know.")
    if not key.verifies(parts.signed, parts.signature):
        raise TokenRefused("The status list's signature is wrong.")

    return read_list_claims(parts.claims, number, held)


def read_list_claims(claims: dict[str, Any], number: int, held: StatusList | None) -> StatusList:
    issued_at, expires_at = claims.get("iat"), claims.get("exp")
    if claims.get("sub") != f"{settings.ISSUER}{status_list.PATH}{number}":
        raise ValueError("The status list is about another list.")
    if type(issued_at) is not int or type(expires_at) is not int:
        raise ValueError("The status list has no times.")
    if expires_at <= clock.time() or issued_at > clock.time() + CLOCK_SKEW:
        raise ClocksDiffer(skew=measure_skew(issued_at, clock.time(), kept_for=SIGNED_FOR))
    if held and issued_at < held.issued_at and not is_put_right(issued_at, held):
        raise ValueError("The status list is older than the one held.")

    bits, width = read_entries(claims.get("status_list"))
    return StatusList(bits, issued_at, expires_at, width)


def is_put_right(issued_at: int, held: StatusList) -> bool:
    """Whether a list is of now and the one held of the future: the issuer's clock was ahead, and was put right."""
    now = clock.time()
    return held.issued_at > now >= issued_at >= now - SIGNED_FOR - CLOCK_SKEW


def read_entries(listed: object) -> tuple[bytes, int]:
    """The entries of a `status_list` claim, and how wide each is (4.2)."""
    width, lst = (listed.get("bits"), listed.get("lst")) if isinstance(listed, dict) else (None, None)
    if type(width) is not int or width not in status_list.WIDTHS or not isinstance(lst, str):
        raise ValueError("The status list has no entries.")

    return status_list.decompress(lst, status_list.LIST_SIZE * width // 8), width
