"""What accounts does beside requests: each job by name, with its interval in seconds."""

from collections.abc import Callable

from accounts.issuing import keys, status_lists
from accounts.login import sessions, throttling

JOBS: dict[str, tuple[Callable[[], object], float]] = {
    "clear sessions": (sessions.clear, 3600),
    "clear failed log-ins": (throttling.clear, 600),
    "clear token statuses": (status_lists.clear, 3600),
    "clear signing keys": (keys.clear, 86400),
}
