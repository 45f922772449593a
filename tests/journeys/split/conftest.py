"""Both shapes of the shop, each started once for all tests of a worker."""

import pytest

from tests.journeys.split.shapes import open_monolith, open_split


@pytest.fixture(scope="session")
def monolith(tmp_path_factory):
    with open_monolith(tmp_path_factory.mktemp("monolith")) as shape:
        yield shape


@pytest.fixture(scope="session")
def split(tmp_path_factory):
    with open_split(tmp_path_factory.mktemp("split")) as shape:
        yield shape


@pytest.fixture(params=["monolith", "split"])
def shape(request):
    """The shop, in one shape and then in the other."""
    return request.getfixturevalue(request.param)
