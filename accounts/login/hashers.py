"""How passwords are hashed."""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

from django.contrib.auth.hashers import Argon2PasswordHasher

from wire import text


def count_cores() -> int:
    """The cores that this process may use, which in a container are fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def hashing_threads() -> ThreadPoolExecutor:
    """The threads in which this process hashes, as many as it has cores.

    A hash takes 19 MiB from the memory of the thread it runs in, which keeps them afterwards. In the threads that
    answer requests that came to 600 MB.
    """
    return ThreadPoolExecutor(count_cores(), thread_name_prefix="hash")


class OwaspArgon2(Argon2PasswordHasher):
    """Argon2id at the OWASP minimum: 19 MiB, two passes, one lane (Password Storage Cheat Sheet).

    In each process at most as many at once as it has cores, so that a flood of log-ins costs time, not memory.
    What is hashed anew is the normal form of a password, by whatever way it came.
    """

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        return hashing_threads().submit(super().encode, text.password(password), salt).result()

    def verify(self, *args: Any, **kwargs: Any) -> bool:
        return hashing_threads().submit(super().verify, *args, **kwargs).result()
