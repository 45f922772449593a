"""Anybody may ask whether an access token is to be believed."""

import pytest

from accounts.models import Client, TokenStatus
from accounts.oauth import clients
from tests.accounts.conftest import forget
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

    assert verify(api, clients.issue_token(client, "", client.audience)[0]).status_code == 200


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


def check(client, **query):
    return client.get("/api/token/verify/", query)


def test_a_gateway_asks_for_the_bearer_of_a_token(bearer, alice, log_in):
    answer = check(bearer(log_in()["access"]), audience="products", scope="products:read orders:read")

    assert (answer.status_code, answer.json(), answer["Cache-Control"]) == (200, {}, "private, no-store")


def test_a_gateway_is_told_what_a_service_would_answer(api, bearer, alice, log_in):
    grant = log_in()
    client = Client(client_id="bank", name="Bank", scopes=["products:read"], audience=["products"])
    clients.register_client(client, by=SYSTEM)
    machine = bearer(clients.issue_token(client, "", client.audience)[0])

    lacking = check(bearer(grant["access"]), audience="products", scope="products:read products:write")
    elsewhere = check(machine, audience="orders")
    api.post("/api/token/blacklist/", {"refresh": grant["refresh"]})
    forget()
    ended = check(bearer(grant["access"]), audience="products")

    assert (lacking.status_code, lacking.json()["code"]) == (403, "insufficient-scope")
    assert 'error="insufficient_scope", scope="products:read products:write"' in lacking["WWW-Authenticate"]
    assert (elsewhere.status_code, ended.status_code) == (401, 401)
    assert 'error="invalid_token"' in ended["WWW-Authenticate"]
    assert check(machine, audience="products").status_code == 200


@pytest.mark.parametrize("scheme", ["", "Basic YTpi", "Bearer", "Bearer x", "Bearer a.b.c", "Bearer " + "x" * 9000])
def test_who_has_no_token_gets_401(api, db, scheme):
    answer = api.get("/api/token/verify/?audience=products", HTTP_AUTHORIZATION=scheme)

    assert (answer.status_code, answer["WWW-Authenticate"].split()[0]) == (401, "Bearer")


@pytest.mark.parametrize(
    "query", ["", "?audience=", "?audience=shop", "?audience=products&audience=orders", "?aud=products"]
)
def test_a_gateway_that_names_no_service_is_told_so(alice, bearer, log_in, query):
    answer = bearer(log_in()["access"]).get(f"/api/token/verify/{query}")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_no_cookie_and_no_query_opens_a_gateway(alice, api, log_in):
    access = log_in()["access"]
    api.cookies["access"] = api.cookies["__Host-access"] = access

    assert check(api, audience="products").status_code == 401
    assert api.get("/api/token/verify/", {"audience": "products", "access_token": access}).status_code == 400


@pytest.mark.parametrize("scope", ["0\x1eĀ", 'a"b', "a  b", "a\r\nb"])
def test_a_scope_that_is_none_is_told_so(api, db, scope):
    answer = api.get("/api/token/verify/", {"audience": "orders", "scope": scope})

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["scope"])
