"""A password gets a pair of tokens that says who you are."""

import pytest

from accounts.models import Event, Session
from tests.accounts.conftest import PASSWORD
from tests.conftest import CUSTOMER
from tests.issuer import read
from tokens.scopes import SERVICES

pytestmark = pytest.mark.django_db


def test_a_log_in_answers_a_pair_of_tokens(api, alice):
    answer = api.post("/api/token/", {"email": "alice@example.com", "password": PASSWORD})

    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    assert {name: type(value) for name, value in answer.json().items()} == {
        "access": str,
        "refresh": str,
        "token_type": str,
        "expires_in": int,
    }


def test_an_access_token_is_one_of_rfc_9068(api, alice, log_in, issuer, settings):
    token = log_in()["access"]

    header, claims = read(token)

    session = Session.objects.get()
    assert header == {"alg": "ES256", "typ": "at+jwt", "kid": next(iter(issuer.keys()))}
    assert claims == {
        "iss": settings.ISSUER,
        "sub": str(alice.pk),
        "aud": list(SERVICES),
        "client_id": "api",
        "iat": claims["iat"],
        "exp": claims["iat"] + 600,
        "jti": claims["jti"],
        "sid": str(session.pk),
        "name": "Alice",
        "email": "alice@example.com",
        "scope": CUSTOMER,
        "roles": ["customer"],
        "status": {"status_list": {"idx": session.status_id, "uri": f"{settings.ISSUER}/.well-known/token-status/0"}},
        "token_type": "access",
        "auth_time": int(session.auth_time.timestamp()),
        "acr": "aal1",
        "amr": ["pwd"],
        "email_verified": True,
    }


def test_the_token_opens_what_its_scope_says(alice, log_in, bearer):
    answer = bearer(log_in()["access"]).get("/api/accounts/me/")

    assert answer.json() == {
        "id": str(alice.pk),
        "email": "alice@example.com",
        "email_verified": True,
        "pending_email": None,
        "name": "Alice",
        "roles": ["customer"],
        "scopes": CUSTOMER.split(),
        "created_at": answer.json()["created_at"],
    }


def test_the_address_may_be_called_username_as_simplejwt_calls_it(alice, api):
    answer = api.post("/api/token/", {"username": "alice@example.com", "password": PASSWORD})
    both = api.post("/api/token/", {"username": "alice@example.com", "email": "a@example.com", "password": PASSWORD})

    assert answer.status_code == 200
    assert both.json()["errors"] == {"username": ["Unknown field."]}


def test_an_email_address_is_taken_in_any_case(alice, api):
    answer = api.post("/api/token/", {"email": "ALICE@Example.com", "password": PASSWORD})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("email", "password"), [("alice@example.com", "wrong"), ("nobody@example.com", PASSWORD)], ids=["password", "user"]
)
def test_an_unknown_user_and_a_wrong_password_are_told_alike(api, alice, email, password):
    answer = api.post("/api/token/", {"email": email, "password": password})

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid-credentials")
    assert answer["WWW-Authenticate"] == "Bearer"
    assert not Session.objects.exists()


def test_a_disabled_user_cannot_log_in(api, alice):
    type(alice).objects.update(is_active=False)

    answer = api.post("/api/token/", {"email": "alice@example.com", "password": PASSWORD})

    assert answer.status_code == 401


def test_a_log_in_is_an_event(alice, log_in):
    log_in()

    event = Event.objects.get(what="logged in")
    assert (event.sub, event.client_id) == (alice.sub, "api")


@pytest.mark.parametrize("body", [{}, {"email": 1, "password": True}, {"email": "a", "password": "b", "c": 1}, []])
def test_a_body_of_the_wrong_shape_is_told_by_field(api, db, body):
    answer = api.post("/api/token/", body)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert answer.json()["errors"]
