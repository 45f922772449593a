"""However many log in at once, as many passwords are hashed as there are cores, each in a thread for that."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import argon2
import pytest

from accounts.login import hashers
from accounts.login.hashers import OwaspArgon2


@pytest.fixture
def hashed(monkeypatch):
    """The threads in which the library hashed."""
    threads, hash_secret = [], argon2.low_level.hash_secret

    def note(*args, **kwargs):
        threads.append(threading.current_thread().name)
        return hash_secret(*args, **kwargs)

    monkeypatch.setattr(argon2.low_level, "hash_secret", note)
    return threads


def test_as_many_as_this_process_has_cores():
    assert hashers.count_cores() == len(os.sched_getaffinity(0))
    assert hashers.hashing_threads()._max_workers == hashers.count_cores()


def test_32_requests_hash_in_the_threads_for_it(hashed):
    with ThreadPoolExecutor(32, thread_name_prefix="request") as requests:
        encoded = list(requests.map(lambda n: OwaspArgon2().encode(f"password {n}", "a salt for it"), range(32)))

    assert len({*encoded}) == len(hashed) == 32
    assert {name.rpartition("_")[0] for name in hashed} == {"hash"}
    assert len({*hashed}) <= hashers.count_cores()


def test_one_more_waits_until_another_is_done():
    release, began = threading.Event(), threading.Barrier(hashers.count_cores() + 1)
    for _ in range(hashers.count_cores()):
        hashers.hashing_threads().submit(lambda: (began.wait(10), release.wait(10)))
    began.wait(10)
    encoded = []
    thread = threading.Thread(target=lambda: encoded.append(OwaspArgon2().encode("a password", "a salt for it")))
    thread.start()

    thread.join(0.3)
    waited = (thread.is_alive(), list(encoded))
    release.set()
    thread.join(10)

    assert waited == (True, [])
    assert OwaspArgon2.algorithm in encoded[0]


def test_what_goes_wrong_in_a_hash_is_raised_where_it_was_asked_for():
    with pytest.raises(ValueError, match="not enough values"):
        OwaspArgon2().verify("a password", "argon2")


def test_a_password_is_hashed_as_owasp_asks():
    encoded = OwaspArgon2().encode("correct horse battery", "a salt for it")

    assert encoded.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
