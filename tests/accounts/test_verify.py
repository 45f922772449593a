"""Anybody may ask whether an access token is to be believed."""

import pytest

from accounts.models import Client, TokenStatus
from accounts.oauth import clients
from tokens.encryption import MAX_JWE
from wire.events import SYSTEM

pytestmark = pytest.mark.django_db


def verify(api, token):
    return api.post("/api/token/verify/", {"token": token})


def test_a_good_token_is_confirmed(api, alice, log_in):
    answer = verify(api, log_in()["access"])

    assert (answer.status_code, answer.json()) == (200, {})


def test_a_revoked_token_is_refused(api, alice, log_in):
    grant = log_in()
    api.post("/api/token/blacklist/", {"refresh": grant["refresh"]})

    answer = verify(api, grant["access"])

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid-token")
    assert 'error="invalid_token"' in answer["WWW-Authenticate"]


@pytest.mark.parametrize("audience", ["accounts", "products", "orders"])
def test_a_token_for_any_service_is_confirmed_in_every_shape(api, db, audience, settings):
    settings.SERVICES = ["accounts"]
    client = Client(client_id="bank", name="Bank", scopes=["products:read"], audience=[audience])
    clients.register_client(client, by=SYSTEM)

    assert verify(api, clients.issue_token(client, "")[0]).status_code == 200


def test_a_refresh_token_is_no_access_token(api, alice, log_in):
    assert verify(api, log_in()["refresh"]).status_code == 401


@pytest.mark.parametrize("token", ["x", "a.b.c", "..", "e30.e30.e30"])
def test_rubbish_is_refused(api, db, token):
    assert verify(api, token).status_code == 401


@pytest.mark.parametrize("body", [{}, {"token": None}, {"token": 7}, {"token": ""}, {"token": "\0"}, {"refresh": "a"}])
def test_a_body_of_the_wrong_shape_is_told_by_field(api, db, body):
    answer = api.post("/api/token/verify/", body)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_a_spent_bearer_is_not_in_the_way(api, alice, log_in):
    token = log_in()["access"]

    answer = api.post("/api/token/verify/", {"token": token}, HTTP_AUTHORIZATION="Bearer spent")

    assert answer.status_code == 200


def test_asking_changes_nothing(api, alice, log_in):
    verify(api, log_in()["access"])

    assert TokenStatus.objects.get().revoked_at is None


def test_the_longest_token_there_is_may_be_asked_about(api, db):
    assert verify(api, "x" * MAX_JWE).status_code == 401
    assert verify(api, "x" * (MAX_JWE + 1)).status_code == 400
