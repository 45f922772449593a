"""What being apart costs: the work of an endpoint that calls no neighbour, the gateway not counted.

Processor time is measured by `python -m benchmarks apart`; the calls that a request makes do not depend on the machine.
"""

import os
import subprocess
import sys

import pytest
from django.conf import settings

from tests.journeys.split.shapes import OWN_PASSWORD
from wire.demo import product_id

pytestmark = pytest.mark.slow

MOST = 1.05
TWINE = str(product_id("GAR-006"))
PATHS = {
    "products": ["/api/products/?limit=20", f"/api/products/{product_id('TEA-004')}/"],
    "orders": ["/api/orders/"],
}


def calls(shape, service, path):
    """How many calls one request makes in a process of a service."""
    command = [sys.executable, "-m", "tests.journeys.split.call_counts", path, regular(shape).access]
    environment = os.environ | shape.environments[service]
    done = subprocess.run(
        command, env=environment, cwd=settings.BASE_DIR, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def regular(shape):
    """Somebody with a page full of orders, the same in each shape."""
    if "rita" not in shape.customers:
        who = {"email": "rita@example.com", "password": OWN_PASSWORD, "name": "Rita"}
        assert shape.ask("POST", "/api/accounts/register/", json=who).status_code == 201
        shape.manage("accounts", "verify_email", who["email"])
        rita = shape.customer("rita")
        assert {rita.order({TWINE: 1}, str(number)).status_code for number in range(20)} == {201}
    return shape.customers["rita"]


@pytest.mark.parametrize(("service", "path"), [(service, path) for service, paths in PATHS.items() for path in paths])
def test_an_endpoint_without_neighbours_does_the_same_work_apart(monolith, split, service, path, record_property):
    together, apart = (calls(shape, service, path) for shape in (monolith, split))

    record_property(f"calls of GET {path}", f"{apart} apart, {together} together")
    assert 0 < apart <= MOST * together
