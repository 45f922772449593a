"""What being apart costs: processor time of an endpoint that calls no neighbour, the gateway not counted."""

import http.client
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from config.demo import PASSWORD, product_id

pytestmark = pytest.mark.slow

ROUNDS, MOST_ROUNDS, REQUESTS = 8, 60, 100
MOST = 1.05
TWINE = str(product_id("GAR-006"))
PATHS = {
    "products": ["/api/products/?limit=20", f"/api/products/{product_id('TEA-004')}/"],
    "orders": ["/api/orders/"],
}


def spent(process):
    """Seconds of processor time that a server and its workers have taken so far."""
    group = str(process.popen.pid)
    members = [path for path in Path("/proc").glob("[0-9]*") if in_group(path, group)]
    threads = [thread for member in members for thread in member.glob("task/*/schedstat")]
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


def in_group(path, group):
    try:
        return (path / "stat").read_text().rpartition(")")[2].split()[2] == group
    except OSError:
        return False


def ask(process, path, token):
    """Ask so many times over one connection; milliseconds of processor time for each."""
    connection = http.client.HTTPConnection(urlsplit(process.url).netloc, timeout=30)
    before = spent(process)
    for _ in range(REQUESTS):
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
    connection.close()
    return (spent(process) - before) / REQUESTS * 1000


def regular(shape):
    """Somebody with a page full of orders, the same in each shape."""
    if "rita" not in shape.customers:
        who = {"email": "rita@example.com", "password": PASSWORD, "name": "Rita"}
        assert shape.ask("POST", "/api/accounts/register/", json=who).status_code == 201
        rita = shape.customer("rita")
        assert {rita.order({TWINE: 1}, str(number)).status_code for number in range(20)} == {201}
    return shape.customers["rita"]


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="this system does not tell processor time")
@pytest.mark.parametrize(("service", "path"), [(service, path) for service, paths in PATHS.items() for path in paths])
def test_an_endpoint_without_neighbours_costs_the_same_apart(monolith, split, service, path, record_property):
    shapes = {shape.name: (shape.processes[service], regular(shape).access) for shape in (monolith, split)}
    least = dict.fromkeys(shapes, float("inf"))

    # The least of all rounds: whatever else the machine does only adds to one.
    for number in range(MOST_ROUNDS):
        for name, (process, token) in shapes.items():
            least[name] = min(least[name], ask(process, path, token))
        if number >= ROUNDS and least["split"] <= MOST * least["monolith"]:
            break

    together, apart = least["monolith"], least["split"]
    told = f"{apart:.2f} ms apart, {together:.2f} ms together: {apart / together:.2f} times"
    record_property(f"processor time of GET {path}", told)
    assert apart / together <= MOST, told
