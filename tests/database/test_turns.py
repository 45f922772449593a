"""Turns: some at once, fewer for one key, first come first served."""

import threading
import time
from contextlib import ExitStack

import pytest

from database.turns import NoTurn, Turns


@pytest.fixture
def stack():
    with ExitStack() as stack:
        yield stack


def take(turns, stack, *keys):
    stack.enter_context(turns.turn(keys))


class Waiting:
    """Somebody who waits for a turn in a thread, and writes their name down when they have it."""

    def __init__(self, turns, name, *keys, served):
        def wait():
            with turns.turn(keys, patience=5):
                served.append(name)

        before = len(turns._line)
        self.thread = threading.Thread(target=wait)
        self.thread.start()
        while len(turns._line) == before and self.thread.is_alive() and name not in served:
            time.sleep(0.001)


def test_so_many_have_a_turn_and_no_more(stack):
    turns = Turns(2, each=2)
    take(turns, stack, "tea")
    take(turns, stack, "mug")

    with pytest.raises(NoTurn), turns.turn(["plum"]):
        pass


def test_a_turn_that_ends_is_given_to_the_next(stack):
    turns = Turns(1, each=1)

    for _ in range(3):
        with turns.turn(["tea"]):
            pass
    with pytest.raises(ZeroDivisionError), turns.turn(["tea"]):
        1 / 0  # noqa: B018
    take(turns, stack, "tea")


def test_one_key_leaves_turns_to_others(stack):
    turns = Turns(3, each=2)
    take(turns, stack, "tea")
    take(turns, stack, "tea")

    with pytest.raises(NoTurn), turns.turn(["tea", "mug"]):
        pass
    take(turns, stack, "mug")


def test_who_waits_is_served_in_order_and_passed_by_nobody_who_wants_the_same():
    turns, served = Turns(2, each=1, places=9), []
    with ExitStack() as stack:
        take(turns, stack, "tea")
        waiting = [
            Waiting(turns, "first", "tea", "mug", served=served),
            Waiting(turns, "second", "mug", served=served),
            Waiting(turns, "other", "plum", served=served),
        ]
        waiting[2].thread.join(5)
        assert served == ["other"]
    for one in waiting:
        one.thread.join(5)

    assert served == ["other", "first", "second"]


def test_no_more_wait_than_there_are_places_but_who_need_not_wait_comes_in(stack):
    turns, served = Turns(2, each=1, places=2), []
    with ExitStack() as own:
        take(turns, own, "tea")
        waiting = Waiting(turns, "first", "tea", served=served)

        with pytest.raises(NoTurn), turns.turn(["tea"], patience=5):
            pass
        take(turns, stack, "mug")
    waiting.thread.join(5)

    assert served == ["first"]


def test_who_gives_up_leaves_the_line(stack):
    turns = Turns(2, each=1, places=9)
    with ExitStack() as own:
        take(turns, own, "tea")
        with pytest.raises(NoTurn), turns.turn(["tea", "mug"], patience=0.01):
            pass
        take(turns, own, "mug")

    take(turns, stack, "tea", "mug")


def test_a_hundred_threads_each_have_a_turn_and_never_more_than_the_bound_at_once():
    turns, now, most, done, lock = Turns(3, each=2, places=200), {"all": 0, "tea": 0}, [0, 0], [], threading.Lock()

    def work(number):
        key = "tea" if number % 3 else f"other {number}"
        with turns.turn([key], patience=30):
            with lock:
                now["all"] += 1
                now["tea"] += key == "tea"
                most[:] = max(most[0], now["all"]), max(most[1], now["tea"])
            time.sleep(0.001)
            with lock:
                now["all"] -= 1
                now["tea"] -= key == "tea"
            done.append(number)

    threads = [threading.Thread(target=work, args=[number]) for number in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(done), most) == (100, [3, 2])
