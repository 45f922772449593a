"""Machines get tokens, have them revoked, and ask about those that are shown to them."""

import base64
from urllib.parse import quote_plus

import pytest
from django.core.exceptions import ValidationError
from django.db import OperationalError, connection
from django.test import Client as Browser

from accounts.models import Client, Event, Session, TokenStatus
from accounts.oauth import clients
from tests.accounts.conftest import forget
from tests.conftest import CUSTOMER
from tests.issuer import read
from tokens.scopes import SCOPES, SERVICES
from tokens.verification import verify
from wire.events import SYSTEM

pytestmark = pytest.mark.django_db

TOKEN, REVOKE, INTROSPECT = "/oauth/token", "/oauth/revoke", "/oauth/introspect"
FORM = "application/x-www-form-urlencoded"


class Machine:
    """A registered client, and its requests; `secret` is what it was told once."""

    def __init__(self, browser, client_id, *, scopes, audience):
        self.browser, self.client_id = browser, client_id
        row = Client(client_id=client_id, name=client_id.capitalize(), scopes=scopes, audience=audience)
        self.secret = clients.register_client(row, by=SYSTEM)

    @property
    def row(self):
        return Client.objects.get(pk=self.client_id)

    def post(self, address, **form):
        return post(self.browser, address, authorization=basic(self.client_id, self.secret), **form)

    def token(self):
        return self.post(TOKEN, grant_type="client_credentials").json()["access_token"]


def basic(client_id, secret):
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def post(browser, address, authorization=None, **form):
    body = "&".join(f"{name}={quote_plus(value)}" for name, value in form.items())
    headers = {"HTTP_AUTHORIZATION": authorization} if authorization else {}
    return browser.post(address, body, content_type=FORM, **headers)


@pytest.fixture
def orders(client, db):
    """The orders service, as it calls products."""
    return Machine(client, "orders", scopes=["stock:reserve"], audience=["products"])


@pytest.fixture
def bank(client, db):
    """A payment provider, which tells orders of payments."""
    return Machine(client, "bank", scopes=["orders:pay", "orders:read"], audience=["orders"])


def refused(answer, status, error):
    """Whether an answer is that error by RFC 6749 5.2."""
    assert (answer.status_code, answer.json().get("error")) == (status, error)
    assert answer.json().keys() == {"error", "error_description"}
    assert answer["Content-Type"] == "application/json"
    assert answer["Cache-Control"] == "no-store"
    if status == 401:
        assert answer["WWW-Authenticate"].startswith("Basic ")
    return True


# Log-in -----------------------------------------------------------------------------------------


def test_a_client_gets_a_token_for_all_that_it_may(orders):
    answer = orders.post(TOKEN, grant_type="client_credentials")

    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    assert answer.json() == {
        "access_token": answer.json()["access_token"],
        "token_type": "Bearer",
        "expires_in": 1800,
        "scope": "stock:reserve",
    }


def test_a_clients_token_is_one_of_rfc_9068(orders, settings):
    _, claims = read(orders.token())

    assert claims == {
        "iss": settings.ISSUER,
        "sub": "orders",
        "aud": ["products"],
        "client_id": "orders",
        "iat": claims["iat"],
        "exp": claims["iat"] + 1800,
        "jti": claims["jti"],
        "scope": "stock:reserve",
        "roles": [],
        "status": {
            "status_list": {"idx": orders.row.status_id, "uri": f"{settings.ISSUER}/.well-known/token-status/0"}
        },
        "token_type": "access",
    }


def test_a_clients_token_opens_its_audience_alone(orders, bearer):
    token = orders.token()

    assert verify(token, "products")["sub"] == "orders"
    assert bearer(token).get("/api/accounts/me/").status_code == 401


def test_the_form_will_do_for_credentials(client, orders):
    form = {"client_id": "orders", "client_secret": orders.secret, "grant_type": "client_credentials"}

    assert post(client, TOKEN, **form).status_code == 200


def test_a_client_may_ask_for_less(bank):
    answer = bank.post(TOKEN, grant_type="client_credentials", scope="orders:pay")

    assert answer.json()["scope"] == "orders:pay"
    assert read(answer.json()["access_token"])[1]["scope"] == "orders:pay"


def test_a_log_in_of_a_client_is_an_event(orders):
    orders.token()

    event = Event.objects.about(orders.row).last()
    assert (event.what, event.sub, event.client_id) == ("client logged in", "orders", "orders")


@pytest.mark.parametrize("scope", ["orders:manage", "stock:reserve orders:pay", "made:up", "é", "\0"])
def test_a_scope_that_it_may_not_carry_is_refused(orders, scope):
    error = "invalid_request" if "\0" in scope else "invalid_scope"

    assert refused(orders.post(TOKEN, grant_type="client_credentials", scope=scope), 400, error)


@pytest.mark.parametrize(
    "grant_type",
    ["password", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer", "CLIENT_CREDENTIALS", "x" * 999],
)
def test_no_other_grant_is_offered(orders, grant_type):
    assert refused(orders.post(TOKEN, grant_type=grant_type), 400, "unsupported_grant_type")


def test_a_missing_grant_type_is_told(orders):
    assert refused(orders.post(TOKEN), 400, "invalid_request")


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "Basic",
        "Basic !!!",
        "Basic b3JkZXJz",
        "Basic /////w==",
        "Bearer x",
        "Digest x",
        basic("orders", "wrong"),
        basic("orders", ""),
        basic("nobody", "wrong"),
        basic("", ""),
        basic("orders\0", "wrong"),
        basic("o" * 5000, "wrong"),
        basic("web", "wrong"),
        basic("api", "wrong"),
    ],
)
@pytest.mark.parametrize("address", [TOKEN, REVOKE, INTROSPECT])
def test_who_does_not_prove_who_it_is_is_refused(client, orders, address, authorization):
    answer = post(client, address, authorization=authorization, grant_type="client_credentials", token="x")

    assert refused(answer, 401, "invalid_client")


def test_a_null_character_that_was_percent_encoded_is_refused(client, orders):
    authorization = "Basic " + base64.b64encode(b"orders%00:x").decode()

    assert refused(post(client, TOKEN, authorization=authorization, scope=""), 401, "invalid_client")


@pytest.mark.parametrize("name", ["client_secret", "client_assertion", "client_id", "scope", "resource"])
def test_a_parameter_without_a_value_is_left_out(orders, name):
    assert orders.post(TOKEN, grant_type="client_credentials", **{name: ""}).status_code == 200


def test_two_ways_to_authenticate_at_once_are_refused(orders):
    answer = orders.post(TOKEN, grant_type="client_credentials", client_id="orders", client_secret=orders.secret)

    assert refused(answer, 400, "invalid_request")


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        ("grant_type=client_credentials&grant_type=password", FORM, 400),
        ("a=1&a=2", FORM, 400),
        ('{"grant_type": "client_credentials"}', "application/json", 400),
        ("grant_type=client_credentials", "text/plain", 400),
        ("grant_type=x", f"{FORM}; charset=utf-16", 400),
        ("token=%00", FORM, 400),
        ("&".join(f"a{n}=1" for n in range(300)), FORM, 413),
        ("a=" + "x" * 1_100_000, FORM, 413),
    ],
    ids=["twice", "also twice", "json", "text", "utf-16", "null", "many fields", "1.1 MB"],
)
@pytest.mark.parametrize("address", [TOKEN, REVOKE, INTROSPECT])
def test_a_form_that_cannot_be_read_is_told(client, orders, address, body, content_type, status):
    authorization = basic("orders", orders.secret)

    answer = client.post(address, body, content_type=content_type, HTTP_AUTHORIZATION=authorization)

    assert refused(answer, status, "invalid_request")


@pytest.mark.parametrize("body", [b"\xff\xfe=\xff", b"%ff%fe=1", b"token=%ed%a0%80&grant_type=%ff", b"", b"&&&=&="])
@pytest.mark.parametrize("address", [TOKEN, REVOKE, INTROSPECT])
def test_broken_text_is_no_error_of_ours(client, orders, address, body):
    answer = client.post(address, body, content_type=FORM, HTTP_AUTHORIZATION=basic("orders", orders.secret))

    assert answer.status_code in (200, 400)


@pytest.mark.parametrize("address", [TOKEN, REVOKE, INTROSPECT])
def test_only_post_is_taken(client, address):
    for method in (client.get, client.put, client.delete, client.patch):
        answer = method(address)
        assert refused(answer, 405, "invalid_request")
        assert answer["Allow"] == "POST"


@pytest.mark.parametrize("address", [TOKEN, REVOKE, INTROSPECT])
def test_cookies_mean_nothing_and_no_csrf_token_is_asked_for(address, orders, log_in, alice):
    browser = Browser(enforce_csrf_checks=True)
    browser.cookies["access"] = log_in()["access"]

    assert refused(post(browser, address, token="x"), 401, "invalid_client")


@pytest.mark.parametrize("address", [TOKEN, REVOKE, INTROSPECT])
def test_a_database_that_is_away_is_told_as_such(client, orders, address):
    def away(*_):
        raise OperationalError("the server closed the connection")

    with connection.execute_wrapper(away):
        answer = orders.post(address, grant_type="client_credentials", token="x")

    assert refused(answer, 503, "temporarily_unavailable")
    assert answer["Retry-After"] == "5"


def test_while_accounts_only_reads_no_machine_logs_in(settings, orders):
    settings.READ_ONLY = ["accounts"]

    answer = orders.post(TOKEN, grant_type="client_credentials")

    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert answer["Retry-After"]


def test_a_client_that_was_switched_off_is_refused(orders):
    Client.objects.update(is_active=False)

    assert refused(orders.post(TOKEN, grant_type="client_credentials"), 401, "invalid_client")


def test_a_secret_is_stored_as_a_hash_and_has_256_bits(orders):
    assert len(base64.urlsafe_b64decode(orders.secret + "=")) == 32
    assert orders.row.secret_hash == clients.hash_secret(orders.secret)
    assert orders.secret not in str(Event.objects.values_list("facts"))


def test_a_renewed_secret_voids_the_one_before_and_its_tokens(orders, api):
    token, before = orders.token(), orders.secret
    orders.secret = clients.renew_secret(orders.row, by=SYSTEM)

    assert api.post("/api/token/verify/", {"token": token}).status_code == 401
    assert api.post("/api/token/verify/", {"token": orders.token()}).status_code == 200
    orders.secret = before
    assert refused(orders.post(TOKEN, grant_type="client_credentials"), 401, "invalid_client")


# Revocation -------------------------------------------------------------------------------------


def test_a_client_revokes_its_own_tokens_and_gets_others(orders):
    token, entry = orders.token(), orders.row.status_id

    answer = orders.post(REVOKE, token=token)

    assert (answer.status_code, answer.json()) == (200, {})
    assert TokenStatus.objects.get(pk=entry).revoked_at is not None
    assert orders.row.status_id != entry
    assert orders.post(INTROSPECT, token=orders.token()).json()["active"] is True


def test_what_a_client_revoked_is_refused(orders, api):
    token = orders.token()
    orders.post(REVOKE, token=token)
    forget()

    assert api.post("/api/token/verify/", {"token": token}).status_code == 401
    assert Event.objects.about(orders.row).last().what == "client tokens revoked"


@pytest.mark.parametrize("client_id", ["web", "api"])
@pytest.mark.parametrize("kind", ["access", "refresh"])
@pytest.mark.parametrize("hint", [None, "access_token", "refresh_token", "made_up"])
def test_a_persons_token_is_revoked_without_a_secret(client, alice, log_in, api, client_id, kind, hint):
    grant = log_in()
    Session.objects.update(client_id=client_id)
    if client_id == "web":
        grant = log_in_by_page(client)
    hints = {"token_type_hint": hint} if hint else {}

    answer = post(client, REVOKE, client_id=client_id, token=grant[kind], **hints)

    assert (answer.status_code, answer.json()) == (200, {})
    ended = Session.objects.get(end_reason="revoked")
    assert ended.status.revoked_at is not None
    forget()
    assert api.post("/api/token/verify/", {"token": grant["access"]}).status_code == 401


def log_in_by_page(client):
    Session.objects.all().delete()
    cookies = client.post("/login/", {"email": "alice@example.com", "password": "correct horse battery"}).cookies
    return {name.rpartition("-")[2]: morsel.value for name, morsel in cookies.items()}


def test_a_refresh_token_that_was_used_revokes_its_session(client, alice, log_in, api):
    used = log_in()["refresh"]
    api.post("/api/token/refresh/", {"refresh": used})

    post(client, REVOKE, client_id="api", token=used)

    assert Session.objects.get().end_reason == "revoked"


def test_nobody_revokes_what_was_issued_to_another(client, alice, log_in, orders, bank):
    person, machine = log_in()["access"], bank.token()

    assert refused(orders.post(REVOKE, token=person), 400, "unauthorized_client")
    assert refused(orders.post(REVOKE, token=machine), 400, "unauthorized_client")
    assert refused(post(client, REVOKE, client_id="web", token=person), 400, "unauthorized_client")
    assert refused(post(client, REVOKE, client_id="api", token=machine), 400, "unauthorized_client")
    assert not TokenStatus.objects.exclude(revoked_at=None).exists()


@pytest.mark.parametrize("token", ["x", "a.b.c", "é" * 3000])
def test_revoking_what_is_dead_already_is_fine(client, orders, token):
    assert orders.post(REVOKE, token=token).json() == {}
    assert post(client, REVOKE, client_id="api", token=token).json() == {}


def test_revoking_twice_is_fine(client, alice, log_in):
    token = log_in()["access"]

    assert [post(client, REVOKE, client_id="api", token=token).status_code for _ in range(2)] == [200, 200]


@pytest.mark.parametrize("address", [REVOKE, INTROSPECT])
def test_a_missing_token_is_told(orders, address):
    assert refused(orders.post(address), 400, "invalid_request")


# Introspection ----------------------------------------------------------------------------------


def test_a_token_for_the_same_service_is_told_of(orders, alice, log_in, settings):
    token = log_in()["access"]
    _, claims = read(token)

    answer = orders.post(INTROSPECT, token=token)

    assert answer.json() == {
        "active": True,
        "iss": settings.ISSUER,
        "sub": alice.sub,
        "aud": list(SERVICES),
        "client_id": "api",
        "iat": claims["iat"],
        "exp": claims["exp"],
        "jti": claims["jti"],
        "scope": CUSTOMER,
        "token_type": "Bearer",
        "username": "alice@example.com",
        "acr": "aal1",
        "auth_time": claims["auth_time"],
    }


def test_a_token_for_another_service_is_nobodys_business(orders, bank):
    assert orders.post(INTROSPECT, token=bank.token()).json() == {"active": False}
    assert bank.post(INTROSPECT, token=bank.token()).json()["active"] is True


@pytest.mark.parametrize("token", ["x", "a.b.c", "é"])
def test_rubbish_is_not_active(orders, token):
    assert orders.post(INTROSPECT, token=token).json() == {"active": False}


def test_a_revoked_token_is_not_active_from_that_moment_on(orders, alice, log_in, api):
    grant = log_in()
    assert orders.post(INTROSPECT, token=grant["access"]).json()["active"] is True

    api.post("/api/token/blacklist/", {"refresh": grant["refresh"]})

    assert orders.post(INTROSPECT, token=grant["access"]).json() == {"active": False}


@pytest.mark.parametrize("used", [False, True])
@pytest.mark.parametrize("hint", ["refresh_token", "access_token"])
@pytest.mark.parametrize("audience", ["accounts", "orders"])
def test_a_refresh_token_is_active_to_no_registered_client(client, alice, log_in, api, audience, hint, used):
    desk = Machine(client, "desk", scopes=["products:read"], audience=[audience])
    refresh = log_in()["refresh"]
    if used:
        api.post("/api/token/refresh/", {"refresh": refresh})

    assert desk.post(INTROSPECT, token=refresh, token_type_hint=hint).json() == {"active": False}


# Metadata ---------------------------------------------------------------------------------------

METADATA = "/.well-known/oauth-authorization-server"


def test_the_metadata_says_what_is_offered(client, settings):
    issuer = settings.ISSUER
    ways, algorithms = ["client_secret_basic", "client_secret_post", "private_key_jwt"], ["ES256", "EdDSA", "RS256"]

    assert client.get(METADATA).json() == {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "authorization_response_iss_parameter_supported": True,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint": f"{issuer}/oauth/token",
        "token_endpoint_auth_methods_supported": [*ways, "none"],
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "grant_types_supported": [
            "authorization_code",
            "refresh_token",
            "client_credentials",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ],
        "scopes_supported": [scope for scope in SCOPES if scope not in ("account", "accounts:manage")],
        "acr_values_supported": ["aal1", "aal2"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "revocation_endpoint_auth_methods_supported": [*ways, "none"],
        "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
        "introspection_endpoint": f"{issuer}/oauth/introspect",
        "introspection_endpoint_auth_methods_supported": ways,
        "introspection_endpoint_auth_signing_alg_values_supported": algorithms,
        "protected_resources": [f"{issuer}/api/{service}" for service in SERVICES],
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "claims_parameter_supported": False,
        "service_documentation": f"{issuer}/api/docs/",
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "userinfo_endpoint": f"{issuer}/oauth/userinfo",
        "end_session_endpoint": f"{issuer}/oauth/logout",
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "claims_supported": client.get(METADATA).json()["claims_supported"],
    }


def test_every_address_of_the_metadata_answers(client, settings):
    metadata = client.get(METADATA).json()

    addresses = [value for value in metadata.values() if str(value).startswith(f"{settings.ISSUER}/")]
    answers = {client.get(address.removeprefix(settings.ISSUER)).status_code for address in addresses}

    # An app that is not named, a token that is missing, a question.
    assert answers - {200, 405} == {400, 401, 302}


def test_the_other_address_has_the_same_document(client):
    other = client.get("/.well-known/openid-configuration")

    assert other.content == client.get(METADATA).content
    assert other["Access-Control-Allow-Origin"] == "*"
    assert other["Cache-Control"] == "public, max-age=300"


def test_with_a_shared_secret_the_metadata_promises_no_keys(client, settings):
    settings.JWT_ALGORITHM, settings.JWT_SIGNING_KEY = "HS256", "a secret of at least thirty-two bytes"

    assert "jwks_uri" not in client.get(METADATA).json()


# Registration -----------------------------------------------------------------------------------


@pytest.mark.parametrize("client_id", ["web", "api", "Orders", "9lives", "a", "a" * 65, "or ders", "a_b", ""])
def test_an_id_that_could_mean_another_is_refused(client_id):
    with pytest.raises(ValidationError):
        Client(client_id=client_id, name="X", scopes=["orders:pay"], audience=["orders"]).clean_fields(
            exclude=["status", "secret_hash"]
        )


@pytest.mark.parametrize(
    "changes", [{"scopes": ["account"]}, {"scopes": ["accounts:manage"]}, {"audience": ["x"]}, {"scopes": "orders:pay"}]
)
def test_what_a_client_may_not_be_given_is_refused(changes):
    fields = {"client_id": "bank", "name": "Bank", "scopes": ["orders:pay"], "audience": ["orders"]} | changes
    with pytest.raises(ValidationError):
        Client(**fields).clean_fields(exclude=["status", "secret_hash"])


@pytest.mark.parametrize("named", ["orders", "nobody"])
def test_a_client_that_is_refused_is_told_of_in_the_log(client, orders, caplog, named):
    post(client, TOKEN, authorization=basic(named, "wrong"), grant_type="client_credentials")

    (line,) = [record.msg for record in caplog.records]
    assert (line["client_id"], line["reason"], line["ip"]) == (named, "invalid_client", "127.0.0.1")


def test_a_client_that_asks_for_too_much_is_told_of_in_the_log(orders, caplog):
    orders.post(TOKEN, grant_type="client_credentials", scope="accounts:manage")

    (line,) = [record.msg for record in caplog.records]
    assert (line["client_id"], line["reason"]) == ("orders", "invalid_scope")


def test_an_id_that_only_begins_like_a_clients_is_nobodys(client):
    till = Machine(client, "t" * 64, scopes=["products:read"], audience=["products"])

    answer = post(client, TOKEN, grant_type="client_credentials", client_id="t" * 65, client_secret=till.secret)

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
