"""Turns at what is scarce, such as the stock of one product: first come, first served, and nobody takes them all."""

import threading
from collections import Counter, deque
from collections.abc import Collection, Hashable, Iterator
from contextlib import contextmanager


class NoTurn(Exception):
    """Too many others are there, or were for too long."""


class Place:
    """Where somebody stands in the line."""

    def __init__(self, keys: Collection[Hashable]) -> None:
        self.keys = frozenset(keys)
        self.has_turn = threading.Event()


class Turns:
    """At most `count` turns at once, and at most `each` of them for one key.

    At most `places` have a turn or wait for one. Who waits is served in the order in which they came, but passed by
    those who share no key with anybody before them: who waits for one product does not hold up who wants another.
    """

    def __init__(self, count: int, *, each: int, places: int = 0) -> None:
        self._count, self._each, self._places = count, each, places
        self._taken: Counter[Hashable] = Counter()
        self._running = 0
        self._line: deque[Place] = deque()
        self._lock = threading.Lock()

    @contextmanager
    def turn(self, keys: Collection[Hashable], *, patience: float = 0.0) -> Iterator[None]:
        """Have a turn for all of `keys`; raises `NoTurn` if there is none within `patience` seconds, or no place."""
        place = Place(keys)
        self._enter(place, patience)
        try:
            yield
        finally:
            self._leave(place)

    def _enter(self, place: Place, patience: float) -> None:
        with self._lock:
            self._line.append(place)
            self._serve()
            is_full = self._running + len(self._line) > self._places
            if is_full and not place.has_turn.is_set():
                self._line.remove(place)
                raise NoTurn
        if not place.has_turn.wait(patience):
            self._give_up(place)

    def _give_up(self, place: Place) -> None:
        with self._lock:
            if place.has_turn.is_set():
                return
            self._line.remove(place)
            self._serve()
        raise NoTurn

    def _leave(self, place: Place) -> None:
        with self._lock:
            self._running -= 1
            self._taken -= Counter(place.keys)
            self._serve()

    def _serve(self) -> None:
        """Give turns to those who may have them; nobody passes anyone who waits for the same key."""
        awaited: set[Hashable] = set()
        for place in list(self._line):
            if self._running >= self._count:
                return
            if awaited.isdisjoint(place.keys) and all(self._taken[key] < self._each for key in place.keys):
                self._line.remove(place)
                self._running += 1
                self._taken.update(place.keys)
                place.has_turn.set()
            else:
                awaited |= place.keys
