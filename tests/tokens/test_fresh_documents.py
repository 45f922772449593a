"""What is known of the issuer is seconds old, fetched by one at a time, and never lost to a failure."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tokens import fresh_documents
from tokens.errors import IssuerUnavailable, ListUnknown
from tokens.fresh_documents import FreshDocument, FreshDocuments, fetch_failures

BOTH = pytest.mark.parametrize("inline", [False, True], ids=["network", "query"])


class Source:
    """Says 1, 2, 3, ...; or what it is told to raise. `gate` holds back whoever asks."""

    def __init__(self):
        self.count = 0
        self.error = None
        self.gate = threading.Event()
        self.gate.set()
        self.threads = []

    def __call__(self, held=None):
        self.count += 1
        said = self.count
        self.threads.append(threading.current_thread())
        self.gate.wait(30)
        if self.error:
            raise self.error
        return said


@pytest.fixture
def source():
    source = Source()
    yield source
    source.gate.set()


@pytest.fixture(autouse=True)
def be_patient(monkeypatch):
    """Set for how many seconds a fetch is waited for: one that comes back is, however busy the machine is."""

    def set_timeout(seconds):
        monkeypatch.setattr(fresh_documents, "TIMEOUT", seconds)

    set_timeout(20)
    return set_timeout


@pytest.fixture
def patience(be_patient):
    """It is waited for briefly."""
    be_patient(0.1)


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.002)


def failures():
    return fetch_failures.labels("keys")._value.get()


@BOTH
def test_younger_than_four_seconds_it_is_used_as_it_is(clock, source, inline):
    fresh = FreshDocument("keys", source, inline=inline)
    fresh.get()

    clock.move(3.9)

    assert (fresh.get(), source.count) == (1, 1)


@BOTH
def test_from_four_to_eight_it_is_used_and_refreshed_behind(clock, source, inline):
    fresh = FreshDocument("keys", source, inline=inline)
    fresh.get()
    clock.move(4)
    source.gate.clear()

    used = [fresh.get() for _ in range(3)]
    source.gate.set()

    assert used == [1, 1, 1]
    wait_for(lambda: fresh.get() == 2)
    assert source.count == 2
    assert source.threads[1] is not threading.current_thread()


@BOTH
def test_older_than_eight_it_is_waited_for(clock, source, inline):
    fresh = FreshDocument("keys", source, inline=inline)
    fresh.get()

    clock.move(8)

    assert fresh.get() == 2


def test_a_query_is_made_by_who_waits_for_it(clock, source):
    FreshDocument("keys", source, inline=True).get()

    assert source.threads == [threading.current_thread()]


@BOTH
def test_its_age_counts_from_when_it_was_asked_for(clock, source, inline):
    def slow(held):
        clock.move(0.9)
        return source()

    fresh = FreshDocument("keys", slow, inline=inline)
    fresh.get()

    clock.move(7.1)

    assert fresh.get() == 2


@BOTH
def test_nobody_waits_longer_than_a_fetch_may_take(clock, source, patience, inline):
    fresh = FreshDocument("keys", source, inline=inline)
    fresh.get()
    clock.move(8)
    source.gate.clear()
    threading.Thread(target=fresh.get, daemon=True).start()
    wait_for(lambda: source.count == 2)

    started = time.monotonic()
    used = fresh.get()

    assert used == 1
    assert 0.05 < time.monotonic() - started < 10


@BOTH
def test_a_fetch_that_hangs_is_waited_for_only_once(clock, source, patience, inline):
    fresh = FreshDocument("keys", source, inline=inline)
    fresh.get()
    clock.move(8)
    source.gate.clear()
    threading.Thread(target=fresh.get, daemon=True).start()
    wait_for(lambda: source.count == 2)
    clock.move(0.2)

    started = time.monotonic()
    used = [fresh.get() for _ in range(100)]

    assert used == [1] * 100
    assert time.monotonic() - started < 5


@BOTH
def test_many_at_once_make_one_fetch(clock, source, inline):
    fresh = FreshDocument("keys", source, inline=inline)
    fresh.get()
    clock.move(8)
    source.gate.clear()

    with ThreadPoolExecutor(16) as pool:
        waiting = [pool.submit(fresh.get) for _ in range(16)]
        wait_for(lambda: source.count == 2)
        time.sleep(0.05)
        source.gate.set()
        used = [future.result() for future in waiting]

    assert (used, source.count) == ([2] * 16, 2)


@BOTH
def test_after_a_failure_the_last_good_one_is_used(clock, source, inline, caplog):
    fresh = FreshDocument("keys", source, inline=inline)
    fresh.get()
    source.error = ValueError("nonsense")
    before = failures()

    clock.move(8)
    used = fresh.get()

    assert (used, failures() - before) == (1, 1)
    (told,) = [record.msg for record in caplog.records if record.name == "tokens.fresh_documents"]
    assert (told["event"], told["document"], told["error"]) == ("issuer_fetch_failed", "keys", "nonsense")


@BOTH
def test_a_failure_is_followed_by_another_try_every_four_seconds(clock, source, inline):
    fresh = FreshDocument("keys", source, inline=inline)
    fresh.get()
    source.error = ValueError("nonsense")
    clock.move(8)

    tries = []
    for _ in range(12):
        fresh.get()
        wait_for(lambda: fresh._fetching is None)
        tries.append(source.count)
        clock.move(1)

    assert tries == [2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4]


@BOTH
def test_what_recovers_is_used_again(clock, source, inline):
    fresh = FreshDocument("keys", source, inline=inline)
    source.error = ValueError("nonsense")
    with pytest.raises(IssuerUnavailable):
        fresh.get()
    source.error = None

    clock.move(4)

    assert fresh.get() == 2


@BOTH
def test_what_was_never_had_is_unavailable_and_not_asked_for_by_each(clock, source, inline):
    fresh = FreshDocument("keys", source, inline=inline)
    source.error = ValueError("nonsense")

    for _ in range(5):
        with pytest.raises(IssuerUnavailable, match="The issuer's keys cannot be had"):
            fresh.get()

    assert source.count == 1


@BOTH
def test_something_unknown_is_looked_for_at_once_and_then_not_for_half_a_second(clock, source, inline):
    fresh = FreshDocument("keys", source, inline=inline)
    fresh.get()

    looks = []
    for _ in range(6):
        looks.append(fresh.refetch())
        clock.move(0.125)

    assert looks == [2, 2, 2, 2, 3, 3]


@BOTH
def test_what_cannot_be_renewed_is_late_and_then_not_believed(clock, source, inline, settings):
    settings.ISSUER_PATIENCE = 60
    fresh = FreshDocument("keys", source, inline=inline)
    fresh.get()
    assert fresh.lateness == 0

    source.error = OSError("away")
    clock.move(60)
    fresh.get()
    assert fresh.lateness == 52

    clock.move(1)
    with pytest.raises(IssuerUnavailable, match="not renewed for too long"):
        fresh.get()

    source.error = None
    clock.move(4)
    assert fresh.get() == source.count
    assert fresh.lateness == 0


@BOTH
def test_what_nobody_asked_for_is_not_late(clock, source, inline, settings):
    settings.ISSUER_PATIENCE = 60
    fresh = FreshDocument("keys", source, inline=inline)
    fresh.get()

    clock.move(3600)

    assert fresh.lateness == 0
    assert fresh.get() == 2


def test_who_looks_again_while_somebody_does_waits_for_it(clock, source):
    fresh = FreshDocument("keys", source)
    fresh.get()
    source.gate.clear()

    with ThreadPoolExecutor(8) as pool:
        looking = [pool.submit(fresh.refetch) for _ in range(8)]
        wait_for(lambda: source.count == 2)
        time.sleep(0.05)
        source.gate.set()

    assert [future.result() for future in looking] == [2] * 8


def test_a_fetch_that_never_comes_back_is_given_up(clock, source, patience, be_patient):
    fresh = FreshDocument("keys", source)
    source.gate.clear()
    with pytest.raises(IssuerUnavailable):
        fresh.get()
    clock.move(60)
    with pytest.raises(IssuerUnavailable):
        fresh.get()

    late, gate = source.threads[0], source.gate
    source.gate = threading.Event()
    source.gate.set()
    clock.move(60)
    be_patient(20)
    latest = fresh.get()
    gate.set()
    late.join(5)

    assert (latest, fresh.get()) == (3, 3)


# By number --------------------------------------------------------------------------------------


class Library:
    """Has the documents of some numbers; `asked` is every number."""

    def __init__(self, *numbers):
        self.numbers = set(numbers)
        self.asked = []

    def __call__(self, number, held):
        self.asked.append(number)
        if number not in self.numbers:
            raise ListUnknown("There is no such list.")
        return f"list {number}"


def test_each_number_has_a_document_of_its_own(clock):
    library = Library(0, 1)
    lists = FreshDocuments("status-list", library, inline=True)

    assert [lists.get(number) for number in (0, 1, 0, 1)] == ["list 0", "list 1", "list 0", "list 1"]
    assert library.asked == [0, 1]


def test_a_number_nobody_has_is_asked_for_once_in_four_seconds(clock, caplog):
    library = Library()
    lists = FreshDocuments("status-list", library, inline=True)

    for _ in range(6):
        with pytest.raises(ListUnknown, match="There is no such list"):
            lists.get(7)
        clock.move(1)

    assert library.asked == [7, 7]
    assert caplog.records == []


def test_a_number_that_comes_to_be_is_found(clock):
    library = Library()
    lists = FreshDocuments("status-list", library, inline=True)
    with pytest.raises(ListUnknown):
        lists.get(1)

    library.numbers.add(1)
    clock.move(4)

    assert lists.get(1) == "list 1"


def test_a_document_that_vanishes_is_kept_and_told_of(clock, caplog):
    library = Library(0)
    lists = FreshDocuments("status-list", library, inline=True)
    lists.get(0)

    library.numbers.clear()
    clock.move(8)

    assert lists.get(0) == "list 0"
    assert [record.msg["document"] for record in caplog.records] == ["status-list 0"]


def test_made_up_numbers_take_neither_memory_nor_fetches(clock):
    library = Library(0)
    lists = FreshDocuments("status-list", library, inline=True)
    lists.get(0)

    refused = []
    for number in range(1, 10_000):
        with pytest.raises((ListUnknown, IssuerUnavailable)) as told:
            lists.get(number)
        refused.append(told.type)

    assert len(library.asked) == len(lists) == FreshDocuments.LIMIT
    assert refused == [ListUnknown] * 63 + [IssuerUnavailable] * (9_999 - 63)
    assert lists.get(0) == "list 0"


def test_what_is_known_stays_when_room_is_made(clock):
    library = Library(*range(10))
    lists = FreshDocuments("status-list", library, inline=True)
    for number in range(10):
        lists.get(number)
    for number in range(1000, 2000):
        clock.move(0.1)
        with pytest.raises((ListUnknown, IssuerUnavailable)):
            lists.get(number)

    assert len(lists) == FreshDocuments.LIMIT
    assert all(number in lists for number in range(10))


def test_what_a_thread_of_its_own_holds_is_given_back_at_its_end(clock):
    threads, done = [], threading.Event()

    def give_back():
        threads.append(threading.current_thread())
        done.set()

    document = FreshDocument("keys", lambda _: "document", inline=True, after=give_back)
    document.get()
    inline = list(threads)
    clock.move(5)
    document.get()
    done.wait(5)

    assert inline == []
    assert [thread is threading.current_thread() for thread in threads] == [False]
