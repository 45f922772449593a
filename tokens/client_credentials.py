"""A service's own log-in, to call its neighbours as itself (RFC 6749 4.4)."""

import threading
import time
from base64 import b64encode
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import orjson
import structlog
from django.conf import settings

from tokens.http_client import NoResponse, OutgoingRequest, fetch

logger = structlog.get_logger(__name__)

TIMEOUT = 0.8
"""Seconds that a log-in may take."""
MAX_RESPONSE = 64 * 1024
"""Bytes that a response may have."""
RETRY = 4.0
"""Seconds between tries after a failure."""


class LogInFailed(Exception):
    """Accounts gave this service no token: it is away, or does not take `CLIENT_ID` and `CLIENT_SECRET`."""


class ServiceToken(NamedTuple):
    """A token, and until when it is used as it is and until when at all (on the monotonic clock)."""

    access: str
    renew_at: float
    ends_at: float


class ServiceLogin:
    """This process's own token for some scope, renewed at half life while the old one goes on serving."""

    def __init__(self, scope: str) -> None:
        self.scope = scope
        self._token: ServiceToken | None = None
        self._tried_at = float("-inf")
        self._lock = threading.Lock()

    def token(self, timeout: float = TIMEOUT) -> str:
        """An access token that is still good, `timeout` seconds from now at the latest; raises `LogInFailed`."""
        token, now = self._token, time.monotonic()
        if not token or token.ends_at <= now:
            return self._wait_for_token(now + timeout)

        if token.renew_at <= now:
            self._renew_in_background()
        return token.access

    def forget(self, access: str) -> None:
        """Never use a token again that a neighbour refused."""
        with self._lock:
            if self._token and self._token.access == access:
                self._token, self._tried_at = None, float("-inf")

    def _wait_for_token(self, deadline: float) -> str:
        """Log in while the caller waits; others wait for the same answer."""
        if not self._lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise LogInFailed("Accounts has not answered another log-in yet.")

        try:
            return self._current_or_new(deadline)
        finally:
            self._lock.release()

    def _current_or_new(self, deadline: float) -> str:
        now = time.monotonic()
        if self._token and self._token.ends_at > now:
            return self._token.access
        if now - self._tried_at < RETRY:
            raise LogInFailed("Accounts gave this service no token a moment ago.")

        self._tried_at = now
        self._token = request_token(self.scope, min(TIMEOUT, deadline - now))
        return self._token.access

    def _renew_in_background(self) -> None:
        """Log in on a thread of its own, at most once in `RETRY` seconds."""
        with self._lock:
            if time.monotonic() - self._tried_at < RETRY:
                return
            self._tried_at = time.monotonic()
        threading.Thread(target=self._renew, daemon=True, name="own-log-in").start()

    def _renew(self) -> None:
        try:
            token = request_token(self.scope)
        except LogInFailed as error:
            logger.warning("own_log_in_failed", error=str(error))
            return

        with self._lock:
            self._token = token


service_login = cache(ServiceLogin)
"""The one log-in of this process for a scope."""


def request_token(scope: str, timeout: float = TIMEOUT) -> ServiceToken:
    """Ask accounts for a token by client credentials, for `timeout` seconds at most; raises `LogInFailed`."""
    if not settings.CLIENT_ID or not settings.CLIENT_SECRET:
        raise LogInFailed("CLIENT_ID and CLIENT_SECRET are not set.")

    started = time.monotonic()
    try:
        body = fetch_token(scope, timeout)
    except (NoResponse, ValueError) as error:
        raise LogInFailed(f"Accounts gave this service no token: {error}") from error
    return read_token_response(body, started)


def fetch_token(scope: str, timeout: float) -> Any:
    """The body of accounts' response; raises `NoResponse`, or `ValueError` for what is no JSON."""
    # Both halves are form-encoded before they are joined (RFC 6749 2.3.1).
    pair = f"{quote(settings.CLIENT_ID, safe='')}:{quote(settings.CLIENT_SECRET, safe='')}"
    basic = f"Basic {b64encode(pair.encode()).decode()}"
    form = urlencode({"grant_type": "client_credentials", "scope": scope}).encode()
    headers = {"Authorization": basic, "Content-Type": "application/x-www-form-urlencoded"}
    request = OutgoingRequest("POST", form, headers)
    response = fetch(f"{settings.ACCOUNTS_URL}/oauth/token", request, timeout=timeout, limit=MAX_RESPONSE)
    if response.status != 200:
        raise ValueError(f"it answered {response.status}")

    return orjson.loads(response.body)


def read_token_response(body: Any, started: float) -> ServiceToken:
    """The token in a response (RFC 6749 5.1); its lifetime is counted from before it was asked for."""
    access, lifetime = (body.get("access_token"), body.get("expires_in")) if isinstance(body, dict) else ("", 0)
    if not isinstance(access, str) or not access or type(lifetime) is not int or lifetime <= 0:
        raise LogInFailed("Accounts answered with no token.")

    return ServiceToken(access, started + lifetime / 2, started + lifetime)
