"""A service calls another in the name of the person whose token it was sent: less is left at each step."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone
from joserfc.jwk import ECKey

from accounts.issuing.id_tokens import issue_id_token
from accounts.login import sessions
from accounts.models import Client, Event, Session, User
from accounts.oauth import clients
from tests.accounts.conftest import forget
from tests.accounts.interop.programs import changed, claims_of
from tokens.errors import TokenRefused
from tokens.verification import verify
from wire.events import SYSTEM

pytestmark = pytest.mark.django_db

GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
KEYS = {"keys": [ECKey.generate_key("P-256").as_dict(private=False)]}
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


class Service:
    """A registered service that exchanges what it is sent."""

    def __init__(self, api, client_id, audience=("orders", "products"), **columns):
        row = Client(client_id=client_id, name=client_id.capitalize(), audience=list(audience), **columns)
        self.api, self.client_id, self.secret = api, client_id, clients.register_client(row, by=SYSTEM)

    def post(self, address, **form):
        form = {"client_id": self.client_id, "client_secret": self.secret, **form}
        return self.api.post(address, {name: value for name, value in form.items() if value is not None}, "form")

    def ask(self, token, **form):
        form = {"grant_type": GRANT, "subject_token": token, "subject_token_type": ACCESS_TOKEN, **form}
        return self.post("/oauth/token", **form)

    def exchange(self, token, **form):
        answer = self.ask(token, **form)
        assert answer.status_code == 200, answer.content
        return answer.json()["access_token"]


@pytest.fixture
def api(api):
    """An API client that also sends forms, in which a value may stand several times."""
    from urllib.parse import urlencode

    post = api.post

    def send(address, data=None, kind=None, **more):
        if kind != "form":
            return post(address, data, **more)
        return post(address, urlencode(data, doseq=True), content_type="application/x-www-form-urlencoded", **more)

    api.post = send
    return api


@pytest.fixture
def reviews(api):
    return Service(api, "reviews")


@pytest.fixture
def token(alice, log_in):
    """What alice's app sends to the service."""
    return log_in()["access"]


def resource(settings, *services):
    return [f"{settings.ISSUER}/api/{service}" for service in services]


def test_a_service_gets_a_token_for_its_neighbour(reviews, token, alice, settings):
    answer = reviews.ask(token, resource=resource(settings, "orders"), scope="orders:read")

    body = answer.json()
    lifetime = body["expires_in"]
    assert (answer.status_code, answer["Cache-Control"], 55 <= lifetime <= 60) == (200, "no-store", True)
    assert body == {
        "access_token": body["access_token"],
        "issued_token_type": ACCESS_TOKEN,
        "token_type": "Bearer",
        "expires_in": lifetime,
        "scope": "orders:read",
    }
    before, claims = claims_of(token), verify(body["access_token"], "orders")
    kept = {
        "sub",
        "sid",
        "name",
        "email",
        "email_verified",
        "roles",
        "status",
        "auth_time",
        "acr",
        "amr",
        "iss",
        "token_type",
    }
    assert {name: claims.get(name) for name in kept} == {name: before.get(name) for name in kept}
    said = {name: value for name, value in claims.items() if name not in kept | {"iat", "exp", "jti"}}
    assert said == {"aud": ["orders"], "scope": "orders:read", "client_id": "reviews", "act": {"sub": "reviews"}}
    assert claims["jti"] != before["jti"]
    with pytest.raises(TokenRefused):
        verify(body["access_token"], "products")


def test_the_neighbour_answers_as_to_the_person_and_writes_down_who_acted(reviews, token, bearer, alice):
    narrow = reviews.exchange(token, audience="orders", scope="orders:read")

    assert bearer(narrow).get("/api/orders/").status_code == 200
    assert bearer(narrow).post("/api/orders/", {}).status_code == 403
    assert bearer(narrow).get("/api/accounts/me/").status_code == 401
    event = Event.objects.get(what="token exchanged")
    assert (event.sub, event.client_id) == (alice.sub, "reviews")


def test_without_a_word_it_is_all_that_the_client_may_call(reviews, token):
    claims = claims_of(reviews.exchange(token))

    assert (claims["aud"], claims["scope"]) == (["orders", "products"], "orders:read orders:write products:read")


def test_two_may_act_one_after_the_other_and_no_third(reviews, api, token):
    orders, bank = Service(api, "orders"), Service(api, "bank")
    first = reviews.exchange(token)
    second = orders.exchange(first, scope="products:read")

    assert claims_of(second)["act"] == {"sub": "orders", "act": {"sub": "reviews"}}
    assert verify(second, "products")["client_id"] == "orders"
    third = bank.ask(second)
    assert (third.status_code, third.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "widened",
    [{"scope": "orders:read orders:write"}, {"scope": "products:read"}, {"scope": "account"}, {"scope": "openid"}],
)
def test_scopes_only_shrink(reviews, api, token, widened):
    narrow = reviews.exchange(token, scope="orders:read", audience="orders")

    answer = Service(api, "orders").ask(narrow, **widened)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


def test_what_is_withheld_from_a_person_is_exchanged_for_nobody(reviews, alice, log_in, api):
    User.objects.update(email_verified_at=None)
    token = log_in()["access"]
    assert verify(token, None, any_audience=True)["withheld"] == "orders:write"

    refused = reviews.ask(token, scope="orders:read orders:write")
    given = verify(reviews.exchange(token), None, any_audience=True)

    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")
    assert (given["scope"], given.get("withheld")) == ("orders:read products:read", None)


@pytest.mark.parametrize("widened", ["accounts", "products", "shop"])
def test_the_audience_only_shrinks(reviews, api, token, widened):
    narrow = reviews.exchange(token, audience="orders")

    answer = Service(api, "wide", ("accounts", "orders", "products")).ask(narrow, audience=widened)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_target")


def test_a_client_gets_nothing_for_a_service_that_it_may_not_call(api, token, settings):
    near = Service(api, "near", ["products"])

    by_name, by_address = near.ask(token, audience="orders"), near.ask(token, resource=resource(settings, "orders"))

    assert {by_name.json()["error"], by_address.json()["error"]} == {"invalid_target"}
    assert claims_of(near.exchange(token))["aud"] == ["products"]


def test_what_names_one_service_twice_over_has_to_agree(reviews, token, settings):
    answer = reviews.ask(token, resource=resource(settings, "orders"), audience="products")

    assert answer.json()["error"] == "invalid_target"


def after(**time):
    return time_machine.travel(timezone.now() + timedelta(**time), tick=False)


def test_it_lives_for_a_minute_and_no_longer_than_the_token_before(reviews, token):
    first = claims_of(reviews.exchange(token))
    with after(seconds=570):
        body = reviews.ask(token).json()

    assert first["exp"] - first["iat"] == 60
    assert claims_of(body["access_token"])["exp"] == claims_of(token)["exp"]
    assert 20 <= body["expires_in"] <= 30


def test_who_acts_by_an_exchanged_token_gains_no_time_by_another(reviews, api, token):
    first = reviews.exchange(token)

    with after(seconds=30):
        second = Service(api, "orders").exchange(first)

    assert claims_of(second)["exp"] == claims_of(first)["exp"]


@pytest.mark.parametrize("change", [{"is_active": False}, {"audience": ["products"]}, {"jwks": KEYS}])
def test_a_client_that_may_no_more_acts_for_a_minute_at_most(reviews, token, change):
    narrow = reviews.exchange(token, audience="orders")

    clients.change_client(Client.objects.get(), change, by=SYSTEM)

    if "jwks" not in change:
        assert reviews.ask(token, audience="orders").status_code in (400, 401)
    with after(seconds=61):
        with pytest.raises(TokenRefused):
            verify(narrow, "orders")
        verify(token, "orders")


def test_it_ends_with_the_session(reviews, token):
    narrow = reviews.exchange(token)
    verify(narrow, "orders")

    sessions.end(Session.objects.all(), reason="log-out", by=SYSTEM)
    forget()

    with pytest.raises(TokenRefused):
        verify(narrow, "orders")
    assert reviews.ask(token).json()["error"] == "invalid_request"
    assert reviews.ask(narrow).json()["error"] == "invalid_request"


def test_an_ended_session_is_known_at_once(reviews, token):
    verify(token, "accounts")
    sessions.end(Session.objects.all(), reason="log-out", by=SYSTEM)

    assert reviews.ask(token).json()["error"] == "invalid_request"


def test_only_a_persons_access_token_is_exchanged(reviews, alice, log_in, api):
    grant = log_in()
    machine = Service(api, "bank", scopes=["products:read"])
    own = machine.post("/oauth/token", grant_type="client_credentials").json()["access_token"]
    session = Session.objects.get()
    session.scopes = ["openid"]
    others = [
        own,
        grant["refresh"],
        issue_id_token(session, nonce="", access_token="x"),
        "x",
        "a.b.c",
        grant["access"] + "A",
    ]

    answers = [reviews.ask(other) for other in others]

    assert {(answer.status_code, answer.json()["error"]) for answer in answers} == {(400, "invalid_request")}


@pytest.mark.parametrize(
    "form",
    [
        {"subject_token": None},
        {"subject_token_type": None},
        {"subject_token_type": "urn:ietf:params:oauth:token-type:id_token"},
        {"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"},
        {"actor_token": "x", "actor_token_type": ACCESS_TOKEN},
    ],
)
def test_a_request_of_another_kind_is_refused(reviews, token, form):
    answer = reviews.ask(token, **form)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_who_only_exchanges_does_nothing_by_itself(reviews):
    answer = reviews.post("/oauth/token", grant_type="client_credentials")

    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")


def test_who_has_no_secret_acts_for_nobody(api, token):
    page = Service(api, "page", is_public=True, redirect_uris="https://page.example/")
    stranger = Service(api, "stranger")
    stranger.secret = "guessed"

    public, guessed = page.ask(token, client_secret=None), stranger.ask(token)

    assert (public.status_code, public.json()["error"]) == (400, "unauthorized_client")
    assert (guessed.status_code, guessed.json()["error"]) == (401, "invalid_client")


def test_who_acts_can_end_neither_the_session_nor_the_browsers(reviews, token, client):
    narrow = reviews.exchange(token)

    answer = reviews.post("/oauth/revoke", token=narrow)

    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_token_type")
    client.cookies["access"] = client.cookies["__Host-access"] = narrow
    client.post("/logout/")
    assert Session.objects.get().ended_at is None


def test_introspection_says_who_acts(reviews, token):
    told = reviews.post("/oauth/introspect", token=reviews.exchange(token)).json()

    assert (told["active"], told["client_id"], told["act"]) == (True, "reviews", {"sub": "reviews"})


@pytest.mark.parametrize(
    "act", ["reviews", {}, {"sub": 7}, {"sub": "a", "act": "b"}, {"sub": "a", "act": {"sub": ""}}, []]
)
def test_a_token_that_says_nothing_of_who_acts_is_refused(token, act):
    with pytest.raises(TokenRefused):
        verify(changed(token, act=act), "orders")
