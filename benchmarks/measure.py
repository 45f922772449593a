"""Short windows in turn, so that all peers see the same machine; what drifts is measured again."""

import itertools
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from benchmarks import load
from benchmarks.processes import Server, database_cpu

DRIFT = 0.25
"""How far the machine's speed may change around a window before it is measured again."""
TRIES = 3
WARM_UP = 0.8
"""Seconds before the first window."""


@dataclass(frozen=True)
class Figure:
    """What one contestant came to: seconds of CPU per request and latencies in seconds."""

    cpu: float
    server: float
    database: float
    rate: float
    p50: float
    p99: float
    spread: float
    requests: int


@dataclass(frozen=True)
class Window:
    server: float
    database: float
    answers: load.Answers

    @property
    def cpu(self) -> float:
        return (self.server + self.database) / len(self.answers.latencies)


def probe() -> float:
    """Seconds of CPU for a fixed piece of work: how fast the machine is now."""
    began = time.thread_time()
    total = 0
    for number in range(150_000):
        total += number * number
    return time.thread_time() - began


def steadily(run: Callable[[], Window]) -> Window:
    """A window during which the machine kept its speed, if one can be had in a few tries."""
    for _ in range(TRIES):
        before = probe()
        window = run()
        if abs(probe() / before - 1) < DRIFT:
            break
    return window


def observe(server: Server, requests: Iterable[bytes], *, clients: int, seconds: float = 0, count: int = 0) -> Window:
    """What they take; a backend that ends meanwhile counts for nothing."""
    server_before, database_before = server.cpu(), database_cpu(server.database)
    answers = load.run(server.port, requests, clients=clients, seconds=seconds, count=count)
    database = sum(cpu - database_before.get(pid, 0.0) for pid, cpu in database_cpu(server.database).items())
    return Window(server.cpu() - server_before, database, answers)


def compare(
    contestants: dict[str, tuple[Server, Iterable[bytes]]],
    *,
    rounds: int,
    seconds: float,
    clients: int,
    expect: int = 200,
) -> dict[str, Figure]:
    """Each contestant's figure over some rounds, in which each has one window; its requests begin anew at their end."""
    windows: dict[str, list[Window]] = {name: [] for name in contestants}
    endless = {name: itertools.cycle(requests) for name, (_, requests) in contestants.items()}
    for name, (server, _) in contestants.items():
        load.run(server.port, endless[name], clients=clients, seconds=WARM_UP)
        server.look()
    for _ in range(rounds):
        for name, (server, _) in contestants.items():
            window = steadily(lambda s=server, r=endless[name]: observe(s, r, clients=clients, seconds=seconds))
            assert set(window.answers.statuses) == {expect}, f"{name} answered {window.answers.statuses}"
            windows[name].append(window)
    return {name: summarize(found) for name, found in windows.items()}


def summarize(windows: list[Window]) -> Figure:
    """The median window by CPU, with the spread from the best to the worst of all."""
    ordered = sorted(windows, key=lambda window: window.cpu)
    middle = ordered[len(ordered) // 2]
    count = len(middle.answers.latencies)
    return Figure(
        cpu=middle.cpu,
        server=middle.server / count,
        database=middle.database / count,
        rate=statistics.median(len(window.answers.latencies) / window.answers.seconds for window in windows),
        p50=middle.answers.percentile(0.5),
        p99=statistics.median(window.answers.percentile(0.99) for window in windows),
        spread=(ordered[-1].cpu - ordered[0].cpu) / middle.cpu,
        requests=sum(len(window.answers.latencies) for window in windows),
    )
