"""What journeys measure."""

import statistics

import pytest


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
