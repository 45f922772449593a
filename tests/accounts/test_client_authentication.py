"""A client proves who it is: by one of two secrets while one replaces the other, or by what it signs (RFC 7523)."""

import base64
import json
import time
import uuid
from datetime import timedelta

import jwt
import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.utils import timezone
from joserfc.jwk import ECKey, OKPKey, RSAKey

from accounts.models import Client, UsedAssertion
from accounts.models.clients import check_keys
from accounts.oauth import client_authentication, clients
from tests.accounts.apps import CALLBACK, VERIFIER, App, browser_of
from tests.accounts.test_oauth import INTROSPECT, REVOKE, TOKEN, basic, post, refused
from tests.issuer import read
from wire.events import SYSTEM

pytestmark = pytest.mark.django_db

US = "http://localhost:8000"
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
KEYS = {
    "ES256": ECKey.generate_key("P-256"),
    "EdDSA": OKPKey.generate_key("Ed25519"),
    "RS256": RSAKey.generate_key(2048),
}


def public(*keys):
    return {"keys": [key.as_dict(private=False) for key in keys]}


@pytest.fixture
def bank(db):
    row = Client(client_id="bank", name="Bank", scopes=["orders:pay"], audience=["orders"], jwks=public(*KEYS.values()))
    clients.register_client(row, by=SYSTEM)
    return row


def sign(algorithm="ES256", key=None, header=None, **changed):
    """An assertion of the bank, good but for the changes."""
    now = int(time.time())
    good = {"iss": "bank", "sub": "bank", "aud": US, "iat": now, "exp": now + 60, "jti": uuid.uuid4().hex}
    claims = {name: value for name, value in {**good, **changed}.items() if value is not None}
    key = (key or KEYS[algorithm]).private_key
    return jwt.PyJWS().encode(json.dumps(claims).encode(), key, algorithm, headers=header)


def show(client, assertion, address=TOKEN, **changed):
    shown = {"client_assertion": assertion, "client_assertion_type": JWT_BEARER}
    return post(client, address, **{**shown, "grant_type": "client_credentials", **changed})


@pytest.mark.parametrize("algorithm", KEYS)
@pytest.mark.parametrize("audience", [US, f"{US}{TOKEN}", [US]], ids=str)
def test_what_a_client_signed_proves_who_it_is(client, bank, algorithm, audience):
    answer = show(client, sign(algorithm, aud=audience))

    assert (answer.status_code, answer.json()["scope"]) == (200, "orders:pay")


def test_so_it_does_where_tokens_are_revoked_and_asked_about(client, bank):
    token = show(client, sign()).json()["access_token"]

    assert show(client, sign(), INTROSPECT, token=token).json()["active"] is True
    assert show(client, sign(), REVOKE, token=token).json() == {}


@pytest.mark.parametrize("address", [INTROSPECT, REVOKE])
def test_what_is_meant_for_the_token_endpoint_is_taken_by_the_others(client, bank, address):
    meant, other = sign(aud=f"{US}{TOKEN}"), sign(aud=f"{US}/oauth/authorize")

    assert show(client, meant, address, token="x").status_code == 200
    assert refused(show(client, other, address, token="x"), 401, "invalid_client")


@pytest.mark.parametrize(("seconds", "status"), [(600, 200), (3600, 200), (3620, 200), (3700, 401)])
def test_an_assertion_lives_for_an_hour_and_clocks_may_differ(client, bank, seconds, status):
    now = int(time.time())

    assert show(client, sign(exp=now + seconds)).status_code == status


def test_times_of_an_assertion_may_have_a_fraction(client, bank):
    now = time.time()

    assert show(client, sign(iat=now - 0.5, nbf=now - 0.5, exp=now + 60.5)).status_code == 200
    assert refused(show(client, sign(exp=now - 0.5)), 401, "invalid_client")
    assert refused(show(client, sign(iat=now + 60.5)), 401, "invalid_client")


def test_no_assertion_outlives_the_note_that_it_was_used(client, bank):
    assertion = sign(exp=int(time.time()) + 3620)
    show(client, assertion)

    with time_machine.travel(timezone.now() + timedelta(seconds=3615)):
        client_authentication.clear_assertions()
        assert refused(show(client, assertion), 401, "invalid_client")


def test_an_app_with_a_key_exchanges_its_code(alice):
    app = App("bank", is_public=False, jwks=public(KEYS["ES256"]))
    code = app.code(browser_of("alice@example.com"))

    form = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER}
    answer = app.post(TOKEN, client_secret=None, client_assertion=sign(), client_assertion_type=JWT_BEARER, **form)

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "https://evil.example"},
        {"aud": None},
        {"aud": []},
        {"aud": [US, "https://evil.example"]},
        {"aud": ["https://evil.example", US]},
        {"aud": [[US]]},
        {"aud": {US: 1}},
        {"aud": f"{US}/"},
        {"iss": "orders"},
        {"sub": "orders"},
        {"iss": None},
        {"iss": 1, "sub": 1},
        {"iss": "bank\0", "sub": "bank\0"},
        {"exp": None},
        {"exp": 1},
        {"exp": 99_999_999_999},
        {"exp": "soon"},
        {"exp": True},
        {"iat": False},
        {"iat": 9_999_999_999},
        {"nbf": 9_999_999_999},
        {"jti": None},
        {"jti": ""},
        {"jti": "x" * 256},
        {"key": ECKey.generate_key("P-256")},
        {"header": {"crit": ["exp"], "exp": 1}},
        {"header": {"kid": "another"}},
    ],
    ids=", ".join,
)
def test_an_assertion_that_is_not_for_us_now_is_refused(client, bank, changed):
    if "kid" in changed.get("header", {}):
        Client.objects.update(jwks={"keys": [{**public(KEYS["ES256"])["keys"][0], "kid": "one"}]})

    assert refused(show(client, sign(**changed)), 401, "invalid_client")
    assert not UsedAssertion.objects.exists()


def test_an_assertion_is_taken_once(client, bank):
    assertion = sign()

    assert show(client, assertion).status_code == 200
    assert refused(show(client, assertion), 401, "invalid_client")


@pytest.mark.parametrize(
    "assertion", ["x", "a.b.c", "é", jwt.encode({"iss": "bank", "sub": "bank"}, "x" * 32, "HS256")]
)
def test_nonsense_proves_nothing(client, bank, assertion):
    assert refused(show(client, assertion), 401, "invalid_client")


def test_a_public_key_is_no_shared_secret(client, bank):
    claims = json.loads(base64.urlsafe_b64decode(sign().split(".")[1] + "=="))
    secret = public(KEYS["ES256"])["keys"][0]["x"].encode()

    assert refused(show(client, jwt.encode(claims, secret, "HS256")), 401, "invalid_client")


def test_another_type_of_assertion_and_two_ways_at_once_are_refused(client, bank):
    assert refused(show(client, sign(), client_assertion_type="saml"), 401, "invalid_client")
    assert refused(show(client, sign(), client_secret="x"), 400, "invalid_request")
    assert refused(show(client, sign(), client_id="orders"), 401, "invalid_client")


def test_who_shows_a_secret_names_nobody_else_in_the_form(client, bank):
    authorization = basic("bank", clients.renew_secret(bank, by=SYSTEM))
    form = {"authorization": authorization, "grant_type": "client_credentials"}

    for address in (TOKEN, REVOKE, INTROSPECT):
        assert refused(post(client, address, **form, client_id="other", token="x"), 400, "invalid_request")
    for named in ("bank", ""):
        assert post(client, TOKEN, **form, client_id=named).status_code == 200


def test_a_client_with_keys_has_a_secret_only_where_one_was_asked_for(client, bank):
    assert Client.objects.get().secret_hash == ""
    for secret in ("", "x"):
        assert refused(
            post(client, TOKEN, authorization=basic("bank", secret), grant_type="client_credentials"),
            401,
            "invalid_client",
        )
    assert refused(post(client, TOKEN, client_id="bank", grant_type="client_credentials"), 401, "invalid_client")

    assert log_in(client, clients.renew_secret(bank, by=SYSTEM)) == 200


def test_a_public_client_has_no_keys_and_keys_no_client_that_is_public(bank):
    page = Client(client_id="page", name="Page", is_public=True, redirect_uris=CALLBACK, jwks=public(KEYS["ES256"]))

    with pytest.raises(ValidationError, match="has no keys"):
        clients.register_client(page, by=SYSTEM)
    with pytest.raises(ValidationError, match="has no keys"):
        clients.change_client(bank, {"is_public": True}, by=SYSTEM)
    assert not Client.objects.filter(is_public=True).exists()


def test_where_a_public_client_has_keys_all_the_same_its_name_proves_nothing(alice):
    app = App("bank")
    code = app.code(browser_of("alice@example.com"))
    Client.objects.update(jwks=public(KEYS["ES256"]))

    assert refused(app.exchange(code), 401, "invalid_client")
    signed = {"client_assertion": sign(), "client_assertion_type": JWT_BEARER}
    assert app.exchange(code, **signed).status_code == 200


def test_other_keys_void_the_tokens_that_the_former_got(client, bank):
    token = show(client, sign()).json()["access_token"]

    clients.change_client(bank, {"jwks": public(KEYS["EdDSA"])}, by=SYSTEM)

    assert show(client, sign("EdDSA"), INTROSPECT, token=token).json() == {"active": False}
    assert refused(show(client, sign("ES256")), 401, "invalid_client")


def test_expired_assertions_are_cleared(client, bank):
    show(client, sign())

    assert client_authentication.clear_assertions() == 0
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        assert client_authentication.clear_assertions() == 1


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        {"keys": []},
        {"keys": [{}]},
        {"keys": [KEYS["ES256"].as_dict(private=True)]},
        {"keys": [{"kty": "oct", "k": "x"}]},
        {"keys": [{"kty": []}]},
    ],
)
def test_a_key_set_holds_public_keys_alone(document):
    with pytest.raises(ValidationError):
        check_keys(document)


# Secrets ----------------------------------------------------------------------------------------


def log_in(client, secret):
    return post(client, TOKEN, authorization=basic("bank", secret), grant_type="client_credentials").status_code


def test_a_second_secret_works_beside_the_first_for_a_week(client, bank):
    first = clients.renew_secret(bank, by=SYSTEM)
    second = clients.add_secret(bank, by=SYSTEM)

    assert [log_in(client, secret) for secret in (first, second)] == [200, 200]
    with time_machine.travel(timezone.now() + timedelta(days=8)):
        assert [log_in(client, secret) for secret in (first, second)] == [401, 200]


def test_of_three_secrets_the_first_is_void_and_a_renewal_voids_all(client, bank):
    first, second, third = (clients.add_secret(bank, by=SYSTEM) for _ in range(3))
    assert [log_in(client, secret) for secret in (first, second, third)] == [401, 200, 200]

    clients.renew_secret(bank, by=SYSTEM)

    assert [log_in(client, secret) for secret in (first, second, third)] == [401, 401, 401]


def test_the_command_overlaps_secrets(client, bank, capsys):
    first = clients.renew_secret(bank, by=SYSTEM)
    call_command("register_client", "bank", "--renew", "--overlap")

    assert [log_in(client, secret) for secret in (first, capsys.readouterr().out.strip())] == [200, 200]


def test_a_token_may_be_for_one_of_the_services_alone(client):
    row = Client(client_id="bank", name="Bank", scopes=["orders:read"], audience=["orders", "products"])
    authorization = basic("bank", clients.register_client(row, by=SYSTEM))
    form = {"authorization": authorization, "grant_type": "client_credentials"}

    answer = post(client, TOKEN, **form, resource=f"{US}/api/products")
    other = post(client, TOKEN, **form, resource=f"{US}/api/accounts")

    assert read(answer.json()["access_token"])[1]["aud"] == ["products"]
    assert refused(other, 400, "invalid_target")


def test_each_service_says_who_gives_tokens_for_it(client):
    answer = client.get("/.well-known/oauth-protected-resource/api/products")

    assert answer.json() == {
        "resource": f"{US}/api/products",
        "resource_name": "Tessera: products",
        "authorization_servers": [US],
        "scopes_supported": ["products:read", "products:write", "stock:reserve"],
        "bearer_methods_supported": ["header"],
        "resource_documentation": f"{US}/api/docs/",
    }
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert client.get("/.well-known/oauth-protected-resource/api/moon").status_code == 404
