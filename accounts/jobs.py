"""What accounts does beside requests: each job by name, with its interval in seconds."""

from collections.abc import Callable

from accounts import sessions, throttling

JOBS: dict[str, tuple[Callable[[], object], float]] = {
    "clear sessions": (sessions.clear, 3600),
    "clear failed log-ins": (throttling.clear, 600),
}
