"""What accounts does beside requests: each job by name, with its interval in seconds."""

from collections.abc import Callable

from accounts import keys, sessions, statuses, throttling

JOBS: dict[str, tuple[Callable[[], object], float]] = {
    "clear sessions": (sessions.clear, 3600),
    "clear failed log-ins": (throttling.clear, 600),
    "clear token statuses": (statuses.clear, 3600),
    "clear signing keys": (keys.clear, 86400),
}
