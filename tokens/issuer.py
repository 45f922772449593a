"""Where keys and status lists come from: what every issuer answers, and the one over HTTP."""

import threading
import time
from functools import cache
from typing import Any, Protocol

import orjson
import requests
from django.conf import settings
from django.utils.module_loading import import_string

from tokens import status_list
from tokens.errors import TokenRefused
from tokens.freshness import PATIENCE, Fresh
from tokens.keys import KeySet, read_key_set, shared_key
from tokens.parsing import parse
from tokens.status_list import StatusList

MAX_DOCUMENT = 512 * 1024
"""Bytes that a key set or a status list may have."""
MAX_LISTS = 64
CLOCK_SKEW = 30


class TokenIssuer(Protocol):
    """What a verifier needs to know of who signs tokens.

    Either answer is at most 8 seconds old while the issuer can be reached, and the last good one
    while it cannot; `IssuerUnavailable` is raised when there never was one.
    """

    def keys(self) -> KeySet: ...

    def find_keys(self) -> KeySet:
        """The keys, looked for afresh since one was missing."""

    def status_list(self, number: int) -> StatusList:
        """List `number`; raises `TokenRefused` if the issuer has no such list."""


@cache
def get_issuer() -> TokenIssuer:
    """The issuer that `settings.TOKEN_ISSUER` names."""
    return import_string(settings.TOKEN_ISSUER)()


class NoSuchDocument(Exception):
    """The issuer answered 404."""


class RemoteIssuer:
    """Keys and status lists fetched from `ACCOUNTS_URL`, and from nowhere a token may name."""

    def __init__(self) -> None:
        self._session = threading.local()
        self._keys: Fresh[KeySet] = Fresh("keys", self._fetch_keys)
        self._lists: dict[int, Fresh[StatusList | None]] = {}

    def keys(self) -> KeySet:
        return self._keys.get()

    def find_keys(self) -> KeySet:
        return self._keys.look_again()

    def status_list(self, number: int) -> StatusList:
        if number not in self._lists and len(self._lists) >= MAX_LISTS:
            raise TokenRefused("The token's status list is unknown.")

        held = self._lists.setdefault(number, self._new_list(number)).get()
        if held is None:
            raise TokenRefused("The token's status list is unknown.")

        return held

    def _new_list(self, number: int) -> "Fresh[StatusList | None]":
        return Fresh(f"status-list {number}", lambda held: self._fetch_list(number, held))

    def _fetch_keys(self, held: KeySet | None) -> KeySet:
        if settings.JWT_ALGORITHM == "HS256":
            return shared_key(settings.JWT_SIGNING_KEY)

        return read_key_set(orjson.loads(self._fetch("/.well-known/jwks.json")))

    def _fetch_list(self, number: int, held: StatusList | None) -> StatusList | None:
        try:
            token = self._fetch(f"{status_list.PATH}{number}")
        except NoSuchDocument:
            return None

        return read_status_list(token.decode("ascii"), number, self.keys(), held)

    def _fetch(self, path: str) -> bytes:
        """Read one document: no redirect, at most `MAX_DOCUMENT` bytes in `PATIENCE` seconds."""
        deadline = time.monotonic() + PATIENCE
        url = settings.ACCOUNTS_URL + path
        with self._http().get(url, timeout=PATIENCE, allow_redirects=False, stream=True) as response:
            if response.status_code == 404:
                raise NoSuchDocument(url)
            if response.status_code != 200:
                raise ValueError(f"{url} answered {response.status_code}")
            return read_bounded(response, deadline)

    def _http(self) -> requests.Session:
        if not hasattr(self._session, "http"):
            self._session.http = requests.Session()
            self._session.http.trust_env = False
        return self._session.http


def read_bounded(response: requests.Response, deadline: float) -> bytes:
    """The body of a response, given up when it grows too long or takes too long."""
    body = b""
    for chunk in response.iter_content(16 * 1024):
        body += chunk
        if len(body) > MAX_DOCUMENT:
            raise ValueError(f"{response.url} is too long")
        if time.monotonic() > deadline:
            raise ValueError(f"{response.url} is too slow")
    return body


def read_status_list(token: str, number: int, keys: KeySet, held: StatusList | None) -> StatusList:
    """Verify a status list token (draft-ietf-oauth-status-list-20, 8.3).

    Raises `TokenRefused` or `ValueError` for one that is forged, expired, older than `held`, or
    about another list.
    """
    # A list of 2^20 entries with every second one revoked does not fit the bound of access tokens.
    parts = parse(token, max_length=MAX_DOCUMENT)
    header, claims = parts.header, parts.claims
    key = keys.get(str(header.get("kid")))
    if not key or header.get("alg") != key.algorithm or header.get("typ") != status_list.TYPE:
        raise TokenRefused("The status list is signed by nobody we know.")
    if not key.verifies(parts.signed, parts.signature):
        raise TokenRefused("The status list's signature is wrong.")

    return read_list_claims(claims, number, held)


def read_list_claims(claims: dict[str, Any], number: int, held: StatusList | None) -> StatusList:
    """The list that the claims of a status list token hold."""
    listed, issued_at, expires_at = claims.get("status_list"), claims.get("iat"), claims.get("exp")
    if claims.get("sub") != f"{settings.ISSUER}{status_list.PATH}{number}":
        raise ValueError("The status list is about another list.")
    if type(issued_at) is not int or type(expires_at) is not int:
        raise ValueError("The status list has no times.")
    if expires_at <= time.time() or issued_at > time.time() + CLOCK_SKEW:
        raise ValueError("The status list is not of now.")
    if held and issued_at < held.issued_at:
        raise ValueError("The status list is older than the one held.")
    if not isinstance(listed, dict) or listed.get("bits") != 1 or not isinstance(listed.get("lst"), str):
        raise ValueError("The status list has no entries of one bit.")

    return StatusList(status_list.decompress(listed["lst"]), issued_at, expires_at)
