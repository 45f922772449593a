"""How passwords are hashed."""

import os
import threading
from typing import Any

from django.contrib.auth.hashers import Argon2PasswordHasher


def count_cores() -> int:
    """The cores that this process may use, which in a container are fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_at_once = threading.BoundedSemaphore(count_cores())


class OwaspArgon2(Argon2PasswordHasher):
    """Argon2id at the OWASP minimum: 19 MiB, two passes, one lane (Password Storage Cheat Sheet).

    In each process at most as many at once as it has cores, so that a flood of log-ins costs time, not memory.
    """

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1

    def encode(self, *args: Any, **kwargs: Any) -> str:
        with _at_once:
            return super().encode(*args, **kwargs)

    def verify(self, *args: Any, **kwargs: Any) -> bool:
        with _at_once:
            return super().verify(*args, **kwargs)
