"""While accounts only reads, it still tells of tokens; whatever would change it has to wait."""

from urllib.parse import urlencode

import pytest

from accounts.models import Client
from accounts.oauth import clients
from wire.events import SYSTEM

pytestmark = pytest.mark.django_db


@pytest.fixture
def token(alice, log_in, settings):
    token = log_in()["access"]
    settings.READ_ONLY = ["accounts"]
    return token


def test_a_token_is_verified(token, api):
    answer = api.post("/api/token/verify/", {"token": token})

    assert (answer.status_code, answer.json()) == (200, {})


def test_a_token_is_told_about(token, client, settings):
    settings.READ_ONLY = []
    secret = clients.register_client(
        Client(client_id="till", scopes=["products:read"], audience=["products"]), by=SYSTEM
    )
    settings.READ_ONLY = ["accounts"]

    body = urlencode({"token": token, "client_id": "till", "client_secret": secret})
    answer = client.post("/oauth/introspect", body, "application/x-www-form-urlencoded")

    assert (answer.status_code, answer.json()["active"]) == (200, True)


@pytest.mark.parametrize("path", ["/api/token/", "/api/token/refresh/", "/api/token/blacklist/", "/oauth/token"])
def test_what_changes_anything_has_to_wait(token, client, path):
    answer = client.post(path)

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
