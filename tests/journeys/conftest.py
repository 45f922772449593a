"""What journeys measure is told at the end."""

import statistics

import pytest


@pytest.fixture
def record_figures(request, capsys):
    """Print how fast answers came: `record_figures(answers)`."""

    def record(answers, seconds=None):
        times = sorted(answer["seconds"] for answer in answers)
        cuts = statistics.quantiles(times, n=100, method="inclusive")
        with capsys.disabled():
            print(f"\n{request.node.name}: {len(times)} requests, p50 {cuts[49]:.3f} s, p99 {cuts[98]:.3f} s")

    return record
