"""How passwords are hashed."""

import os
import threading
from typing import Any

from django.contrib.auth.hashers import Argon2PasswordHasher

_at_once = threading.BoundedSemaphore(os.cpu_count() or 1)


class OwaspArgon2(Argon2PasswordHasher):
    """Argon2id at the OWASP minimum: 19 MiB, two passes, one lane (Password Storage Cheat Sheet).

    At most as many at once as there are cores, so that a flood of log-ins costs time, not memory.
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
