"""What accounts does beside requests: each job by name, with its interval in seconds."""

from collections.abc import Callable

from accounts.issuing import keys, status_lists
from accounts.login import sessions, throttling

JOBS: dict[str, tuple[Callable[[], object], float]] = {
    "clear sessions": (sessions.clear_sessions, 3600),
    "clear failed log-ins": (throttling.clear_failures, 600),
    "clear token statuses": (status_lists.clear_statuses, 3600),
    "clear signing keys": (keys.clear_keys, 86400),
}
