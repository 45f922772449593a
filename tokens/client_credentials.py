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

from tokens.transport import Question, Unanswered, fetch

logger = structlog.get_logger(__name__)

PATIENCE = 0.8
"""Seconds that a log-in may take."""
MAX_ANSWER = 64 * 1024
"""Bytes that an answer may have."""
FORM = "application/x-www-form-urlencoded"
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
        self._held: ServiceToken | None = None
        self._tried_at = float("-inf")
        self._lock = threading.Lock()

    def token(self, patience: float = PATIENCE) -> str:
        """An access token that is still good, `patience` seconds from now at the latest; raises `LogInFailed`."""
        held, now = self._held, time.monotonic()
        if not held or held.ends_at <= now:
            return self._first(now + patience)

        if held.renew_at <= now:
            self._renew_behind()
        return held.access

    def forget(self, access: str) -> None:
        """Never use a token again that a neighbour refused."""
        with self._lock:
            if self._held and self._held.access == access:
                self._held, self._tried_at = None, float("-inf")

    def _first(self, deadline: float) -> str:
        """Log in while the caller waits; others wait for the same answer."""
        if not self._lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise LogInFailed("Accounts has not answered another log-in yet.")

        try:
            return self._held_or_new(deadline)
        finally:
            self._lock.release()

    def _held_or_new(self, deadline: float) -> str:
        now = time.monotonic()
        if self._held and self._held.ends_at > now:
            return self._held.access
        if now - self._tried_at < RETRY:
            raise LogInFailed("Accounts gave this service no token a moment ago.")

        self._tried_at = now
        self._held = request_token(self.scope, min(PATIENCE, deadline - now))
        return self._held.access

    def _renew_behind(self) -> None:
        """Log in on a thread of its own, at most once in `RETRY` seconds."""
        with self._lock:
            if time.monotonic() - self._tried_at < RETRY:
                return
            self._tried_at = time.monotonic()
        threading.Thread(target=self._renew, daemon=True, name="own-log-in").start()

    def _renew(self) -> None:
        try:
            held = request_token(self.scope)
        except LogInFailed as error:
            logger.warning("own_log_in_failed", error=str(error))
            return

        with self._lock:
            self._held = held


@cache
def service_login(scope: str) -> ServiceLogin:
    """The one log-in of this process for a scope."""
    return ServiceLogin(scope)


def request_token(scope: str, patience: float = PATIENCE) -> ServiceToken:
    """Ask accounts for a token by client credentials, for `patience` seconds at most; raises `LogInFailed`."""
    if not settings.CLIENT_ID or not settings.CLIENT_SECRET:
        raise LogInFailed("CLIENT_ID and CLIENT_SECRET are not set.")

    started = time.monotonic()
    try:
        answer = ask(scope, patience)
    except (Unanswered, ValueError) as error:
        raise LogInFailed(f"Accounts gave this service no token: {error}") from error
    return read_answer(answer, started)


def ask(scope: str, patience: float) -> Any:
    """What accounts answers; raises `Unanswered`, or `ValueError` for what is no JSON."""
    form = urlencode({"grant_type": "client_credentials", "scope": scope}).encode()
    headers = {"Authorization": write_credentials(), "Content-Type": FORM}
    url = f"{settings.ACCOUNTS_URL}/oauth/token"
    answer = fetch(url, Question("POST", form, headers), patience=patience, limit=MAX_ANSWER)
    if answer.status != 200:
        raise ValueError(f"it answered {answer.status}")

    return orjson.loads(answer.body)


def write_credentials() -> str:
    """This service's own credentials for HTTP Basic; both halves form-encoded before (RFC 6749 2.3.1)."""
    pair = f"{quote(settings.CLIENT_ID, safe='')}:{quote(settings.CLIENT_SECRET, safe='')}"
    return f"Basic {b64encode(pair.encode()).decode()}"


def read_answer(answer: Any, started: float) -> ServiceToken:
    """The token of an answer (RFC 6749 5.1), counted from before it was asked for."""
    access, lifetime = (answer.get("access_token"), answer.get("expires_in")) if isinstance(answer, dict) else ("", 0)
    if not isinstance(access, str) or not access or type(lifetime) is not int or lifetime <= 0:
        raise LogInFailed("Accounts answered with no token.")

    return ServiceToken(access, started + lifetime / 2, started + lifetime)
