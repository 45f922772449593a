"""A machine that accounts has registered orders for itself, with the token that it was given."""

from io import StringIO
from urllib.parse import urlencode

import pytest
from django.conf import settings as deployed
from django.core.management import call_command
from django.test import Client
from rest_framework.test import APIClient

if not {"accounts", "orders"} <= {*deployed.SERVICES}:
    pytest.skip("the seam needs accounts and orders", allow_module_level=True)

from orders.inventory import get_inventory
from tokens.issuer import get_issuer
from tokens.verification import cache

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def issuer(settings):
    settings.TOKEN_ISSUER = "accounts.issuing.local_issuer.LocalIssuer"
    get_issuer.cache_clear()
    cache.clear()
    yield
    get_issuer.cache_clear()
    cache.clear()


@pytest.fixture
def tea(settings):
    settings.INVENTORY = "tests.orders.inventory.InMemoryInventory"
    get_inventory.cache_clear()
    yield get_inventory().add("tea", on_hand=10, price="4.50")
    get_inventory.cache_clear()


def register(client_id, scope, *, audience="orders"):
    """A registered machine, which has logged in."""
    out = StringIO()
    call_command("register_client", client_id, "--scope", scope, "--audience", audience, stdout=out)
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": out.getvalue().strip()}
    answer = Client().post("/oauth/token", urlencode(form), "application/x-www-form-urlencoded")
    machine = APIClient()
    machine.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.json()['access_token']}")
    return machine


def order(machine, product):
    lines = [{"product": str(product), "quantity": 1}]
    return machine.post("/api/orders/", {"lines": lines}, headers={"Idempotency-Key": '"k"'})


def test_it_orders_and_sees_and_cancels_its_own_orders_alone(tea):
    robot, other = (register(name, "orders:read orders:write") for name in ("robot", "another"))
    order(other, tea)

    placed = order(robot, tea)

    assert (placed.status_code, placed.json()["customer"]["id"]) == (201, "robot")
    assert [found["number"] for found in robot.get("/api/orders/").json()["results"]] == [placed.json()["number"]]
    address = f"/api/orders/{placed.json()['id']}"
    assert [other.get(f"{address}/").status_code, other.post(f"{address}/cancel/").status_code] == [404, 404]
    assert robot.post(f"{address}/cancel/").json()["status"] == "cancelled"


@pytest.mark.parametrize(
    ("scope", "audience", "status"), [("orders:read", "orders", 403), ("orders:write", "products", 401)]
)
def test_it_orders_nothing_without_the_scope_or_with_a_token_for_another_service(tea, scope, audience, status):
    assert order(register("robot", scope, audience=audience), tea).status_code == status
