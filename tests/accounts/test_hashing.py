"""However many log in at once, as many passwords are hashed as there are cores."""

import os
import threading

import pytest

from accounts.login import hashers
from accounts.login.hashers import OwaspArgon2


@pytest.fixture
def full(monkeypatch):
    """All cores are hashing already; releasing one lets the next begin."""
    cores = threading.BoundedSemaphore(2)
    monkeypatch.setattr(hashers, "_at_once", cores)
    cores.acquire(), cores.acquire()
    return cores


def test_as_many_as_this_process_has_cores():
    assert hashers.count_cores() == len(os.sched_getaffinity(0))
    assert hashers._at_once._initial_value == hashers.count_cores()


def test_one_more_waits_until_another_is_done(full):
    encoded = []
    thread = threading.Thread(target=lambda: encoded.append(OwaspArgon2().encode("a password", "a salt for it")))
    thread.start()

    thread.join(0.3)
    waited = (thread.is_alive(), list(encoded))
    full.release()
    thread.join(10)

    assert waited == (True, [])
    assert OwaspArgon2.algorithm in encoded[0]
