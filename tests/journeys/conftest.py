"""The shop of journeys that have no other, and what they measure."""

import statistics

import pytest

from tests.journeys import databases, shops


@pytest.fixture(scope="module", params=databases.BOTH)
def shop(request, tmp_path_factory):
    """A shop on SQLite, and one on PostgreSQL."""
    with shops.opened(request.param, tmp_path_factory.mktemp(request.param)) as shop:
        yield shop


@pytest.fixture
def measure(request, record_property):
    """Tell at the end how fast answers of `clients.run` came: `measure(answers)`."""

    def tell(answers):
        times = [answer["seconds"] for answer in answers]
        cuts = statistics.quantiles(times, n=100, method="inclusive")
        span = max(answer["at"] + answer["seconds"] for answer in answers) - min(answer["at"] for answer in answers)
        record_property(
            request.node.name,
            f"{len(times)} requests, {len(times) / span:.0f} per second, p50 {cuts[49]:.3f} s, p99 {cuts[98]:.3f} s",
        )

    return tell
