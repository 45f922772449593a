"""What is tried against the log-in of apps: redirects, codes, PKCE, consent, tokens taken for others."""

import re
from datetime import timedelta
from html import unescape
from urllib.parse import quote, urlencode

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.test import Client as Browser
from django.utils import timezone

from accounts.login.sessions import Origin
from accounts.models import AuthorizationCode, Client, Consent, Role, Session
from accounts.models.redirects import check_redirects, is_registered
from accounts.oauth import clients, codes
from accounts.oauth.codes import InvalidCode, Shown
from tests.accounts.apps import AUTHORIZE, CALLBACK, CHALLENGE, CONSENT, VERIFIER, App, answer_of, browser_of
from tests.accounts.conftest import PASSWORD, forget, register
from tests.accounts.test_cookie_size import EMAIL
from tests.issuer import read
from tokens.cookies import access_name
from tokens.scopes import SCOPES, SERVICES
from wire.events import SYSTEM

pytestmark = pytest.mark.django_db

REVOKE, INTROSPECT = "/oauth/revoke", "/oauth/introspect"


@pytest.fixture
def app(db):
    return App()


@pytest.fixture
def browser(alice):
    return browser_of("alice@example.com")


@pytest.fixture
def let_in(app, browser):
    """The app, and a browser whose person has let it in: nothing would be asked any more."""
    app.allow(browser)
    return app


def stays_here(response):
    """Whether an answer is a page of ours that says what is wrong, and leads nowhere."""
    assert (response.status_code, "Location" in response) == (400, False)
    assert response["Content-Type"].startswith("text/html")
    assert "http-equiv" not in response.text
    return True


# Redirect addresses -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "https://app.example/callback/",
        "https://app.example/callback/more",
        "https://app.example/callbac",
        "https://app.example/callback?x=1",
        "https://app.example/callback?",
        "https://app.example/callback#",
        "https://app.example/callback#fragment",
        "https://app.example/other/../callback",
        "https://app.example/%63allback",
        "https://app.example//callback",
        "https://app.example/Callback",
        "https://APP.example/callback",
        "HTTPS://app.example/callback",
        "http://app.example/callback",
        "https://app.example:443/callback",
        "https://app.example:8443/callback",
        "https://app.example./callback",
        "https://app.example.evil.example/callback",
        "https://evil.example/callback",
        "https://evil.example/https://app.example/callback",
        "https://app.example@evil.example/callback",
        "https://user@app.example/callback",
        "https://app.example\\@evil.example/callback",
        "https://app.example%2f@evil.example/callback",
        "//app.example/callback",
        "/callback",
        "https:/app.example/callback",
        " https://app.example/callback",
        "https://app.example/callback\n",
        "https://app.example/callback\0",
        "https://аpp.example/callback",
        "https://xn--pp-7ka.example/callback",
        "javascript:alert(1)",
        "data:text/html,x",
        "",
        None,
    ],
)
def test_nobody_is_sent_to_an_address_that_is_not_registered(let_in, browser, address):
    assert stays_here(let_in.ask(browser, redirect_uri=address))
    assert stays_here(let_in.ask(browser, redirect_uri=address, response_type="token"))


def test_two_addresses_at_once_are_none(let_in, browser):
    assert stays_here(let_in.ask(browser, redirect_uri=[CALLBACK, "https://evil.example/"]))
    assert stays_here(let_in.ask(browser, redirect_uri=[CALLBACK, CALLBACK]))


@pytest.mark.parametrize("client_id", ["nobody", "", None, "web", "api", "app\0", ["app", "app"]])
def test_for_an_app_that_there_is_not_nobody_is_sent_anywhere(let_in, browser, client_id):
    assert stays_here(let_in.ask(browser, client_id=client_id))


def test_an_app_that_was_switched_off_or_is_a_machine_gets_nobody(let_in, browser):
    Client.objects.update(is_active=False)
    assert stays_here(let_in.ask(browser))
    Client.objects.update(is_active=True, redirect_uris="")
    assert stays_here(browser.get(f"{AUTHORIZE}?{urlencode({'client_id': 'app', 'redirect_uri': CALLBACK})}"))


@pytest.mark.parametrize(
    ("asked", "registered", "is_good"),
    [
        ("http://127.0.0.1:51234/back", "http://127.0.0.1/back", True),
        ("http://127.0.0.1/back", "http://127.0.0.1:8080/back", True),
        ("http://[::1]:51234/back", "http://[::1]/back", True),
        ("http://127.0.0.1:51234/other", "http://127.0.0.1/back", False),
        ("http://127.0.0.1:51234@evil.example/back", "http://127.0.0.1/back", False),
        ("http://127.0.0.1.evil.example:1/back", "http://127.0.0.1/back", False),
        ("http://127.0.0.1:999999/back", "http://127.0.0.1/back", False),
        ("http://127.0.0.1:x/back", "http://127.0.0.1/back", False),
        ("https://127.0.0.1:51234/back", "http://127.0.0.1/back", False),
        ("http://localhost:51234/back", "http://127.0.0.1/back", False),
        ("http://localhost:51234/back", "http://localhost/back", False),
        ("http://[::1]:1/back", "http://127.0.0.1/back", False),
        ("https://app.example:1/back", "https://app.example/back", False),
    ],
)
def test_of_the_device_itself_any_port_will_do_and_nothing_else(asked, registered, is_good):
    assert is_registered(asked, f"https://other.example/\n{registered}") is is_good


@pytest.mark.parametrize(
    "address",
    [
        "http://app.example/back",
        "https://*.example/back",
        "https://app.example/#there",
        "https://user:word@app.example/",
        "https:///back",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "myapp:/back",
        "https://åpp.example/",
        'https://app.example/"><script>',
        "https://app.example:port/",
        "https://" + "a" * 600,
    ],
)
def test_such_an_address_is_not_registered(address):
    with pytest.raises(ValidationError):
        check_redirects(f"https://app.example/good\n{address}")


def test_good_addresses_are_registered():
    check_redirects("https://app.example/a?b=c\nhttp://localhost:3000/x http://127.0.0.1/\ncom.example.app:/back")


# Requests ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": "plain", "code_challenge": VERIFIER}, "invalid_request"),
        ({"code_challenge_method": "s256"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": CHALLENGE + "="}, "invalid_request"),
        ({"code_challenge": [CHALLENGE, CHALLENGE]}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": "id_token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"response_type": ""}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"request": "e30.e30."}, "request_not_supported"),
        ({"request_uri": "https://evil.example/request"}, "request_uri_not_supported"),
        ({"registration": "{}"}, "registration_not_supported"),
        ({"scope": "moon"}, "invalid_scope"),
        ({"scope": ["openid", "orders:read"]}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "create"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"nonce": "n" * 256}, "invalid_request"),
        ({"nonce": "\0"}, "invalid_request"),
        ({"ui_locales": "x" * 8193}, "invalid_request"),
        ({"id_token_hint": "x"}, "invalid_request"),
    ],
)
def test_a_wrong_request_is_told_to_the_app_with_its_state_and_who_says_so(let_in, browser, said, error, settings):
    answer = answer_of(let_in.ask(browser, **said))

    assert (answer["error"], answer["state"], answer["iss"]) == (error, "a state", settings.ISSUER)
    assert "code" not in answer


EMPTY = ["response_mode", "request", "request_uri", "registration", "resource", "prompt", "max_age", "id_token_hint"]


@pytest.mark.parametrize("name", [*EMPTY, "acr_values", "nonce", "moon"])
def test_what_has_no_value_is_left_out(let_in, browser, name):
    assert "code" in answer_of(let_in.ask(browser, **{name: ""}))
    assert "code" in answer_of(let_in.ask(browser, **{name: ["", ""]}))


@pytest.mark.parametrize("name", ["redirect_uri", "resource", "client_secret", "client_assertion", "scope", "moon"])
def test_what_has_no_value_is_left_out_of_a_form_too(let_in, browser, name):
    assert let_in.exchange(let_in.code(browser), **{name: ""}).status_code == 200


@pytest.mark.parametrize("resource", ['a"b', "a\\b", "é", "a\nb", "x" * 5000])
def test_a_description_has_the_characters_that_it_may_have(let_in, browser, resource):
    answers = [
        answer_of(let_in.ask(browser, resource=resource)),
        let_in.exchange(let_in.code(browser), resource=resource).json(),
    ]

    for answer in answers:
        assert answer["error"] == "invalid_target"
        assert re.fullmatch(r"[ !#-\[\]-~]{1,300}", answer["error_description"])


def test_the_id_token_of_anybody_is_a_hint(settings):
    settings.JWT_ALGORITHM = "RS256"
    register(EMAIL, PASSWORD, "\U0001f409" * 200)
    app, browser = App(), browser_of(EMAIL)
    hint = app.tokens(browser, scope="openid profile email", nonce="n" * 255)["id_token"]
    assert len(hint) > 2500

    assert "code" in answer_of(app.ask(browser, scope="openid profile email", prompt="none", id_token_hint=hint))


def test_what_nobody_knows_is_passed_over(let_in, browser):
    assert "code" in answer_of(let_in.ask(browser, display="page", ui_locales="de", claims="{}", moon="1"))


def test_state_goes_back_as_it_came_and_splits_no_header(let_in, browser):
    state = "a b&c=d\r\nSet-Cookie: x=y#é"

    answer = let_in.ask(browser, state=state)

    assert answer_of(answer)["state"] == state
    assert "\r" not in answer["Location"]


# Consent ----------------------------------------------------------------------------------------


def test_prompt_none_asks_nobody_anything(app, browser):
    assert answer_of(app.ask(browser, prompt="none"))["error"] == "consent_required"
    assert answer_of(app.ask(Browser(), prompt="none"))["error"] == "login_required"
    assert answer_of(app.ask(browser, prompt="none", max_age="0"))["error"] in ("login_required", "consent_required")
    assert not AuthorizationCode.objects.exists()


def test_prompt_none_gets_no_more_than_was_allowed(let_in, browser):
    assert answer_of(let_in.ask(browser, prompt="none", scope="orders:write"))["error"] == "consent_required"


def test_prompt_none_tells_no_app_whether_somebody_is_staff(browser, staff):
    staff("carol@example.com", "catalogue manager")
    app = App(app_scopes=["orders:read", "products:write"])
    visitors = (browser, browser_of("carol@example.com"))

    def errors(scope):
        return {answer_of(app.ask(visitor, prompt="none", scope=scope)).get("error") for visitor in visitors}

    assert errors("products:write") == {"invalid_scope"}
    assert errors("orders:read products:write") == errors("orders:read") == {"consent_required"}
    for visitor in visitors:
        app.allow(visitor, scope="orders:read")
    assert errors("products:write") == {"invalid_scope"}
    assert errors("orders:read products:write") == errors("orders:read") == {None}


def test_a_session_that_cannot_be_renewed_is_no_page_for_prompt_none(let_in, browser):
    Session.objects.update(ended_at=timezone.now())
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        renewing = let_in.ask(browser, prompt="none")
        back = browser.get(renewing["Location"])
        answer = browser.get(back["Location"])

    assert answer_of(answer)["error"] == "login_required"


def test_a_get_allows_nothing(app, browser):
    assert browser.get(f"{CONSENT}?{app.query()}&decision=allow").status_code == 405
    assert app.ask(browser, decision="allow").status_code == 200
    assert not Consent.objects.exists()


def test_a_form_from_elsewhere_allows_nothing(app, browser):
    strict = Browser(enforce_csrf_checks=True)
    strict.cookies.update(browser.cookies)

    answers = [
        strict.post(f"{CONSENT}?{app.query()}", {"decision": "allow"}),
        strict.post(AUTHORIZE, {"decision": "allow"}),
    ]

    assert [answer.status_code for answer in answers] == [403, 303]
    assert not Consent.objects.exists()
    assert not AuthorizationCode.objects.exists()


@pytest.mark.parametrize("scope", ["", "openid orders:read orders:write"])
def test_nothing_is_allowed_that_the_page_did_not_say(browser, scope):
    app = App("modest", app_scopes=["orders:read"])
    page = app.ask(browser, scope=scope)
    clients.change_client(app.row, {"app_scopes": ["orders:read", "orders:write"]}, by=SYSTEM)

    again = send_question(browser, page)

    assert again.status_code == 200
    assert (SCOPES["orders:write"] in page.text, SCOPES["orders:write"] in again.text) == (False, True)
    assert not Consent.objects.exists()
    assert "code" in answer_of(send_question(browser, again))
    assert "orders:write" in Consent.objects.get().scopes


def test_nothing_is_allowed_that_the_person_may_do_only_since(browser, alice):
    app = App("eager", app_scopes=["orders:read", "orders:write"])
    alice.roles.set([Role.objects.create(name="reader", scopes=["orders:read"])])
    page = app.ask(browser, scope="orders:read orders:write")
    alice.roles.add(Role.objects.get(name="customer"))

    again = send_question(browser, page)

    assert (again.status_code, Consent.objects.count()) == (200, 0)
    assert (SCOPES["orders:write"] in page.text, SCOPES["orders:write"] in again.text) == (False, True)


def test_less_than_the_page_said_is_not_asked_again(browser):
    app = App("shrinking", app_scopes=["orders:read", "orders:write"])
    page = app.ask(browser, scope="")
    clients.change_client(app.row, {"app_scopes": ["orders:read"]}, by=SYSTEM)

    assert "code" in answer_of(send_question(browser, page))
    assert Consent.objects.get().scopes == ["orders:read"]


def send_question(browser, page):
    """Press Allow on the page as it stands there."""
    action = unescape(re.search(r'action="(/oauth/consent[^"]*)"', page.text)[1])
    shown = re.search(r'name="shown" value="([^"]*)"', page.text)
    return browser.post(action, {"decision": "allow", **({"shown": unescape(shown[1])} if shown else {})})


def test_the_question_is_shown_in_no_frame(app, browser):
    page = app.ask(browser)

    assert page["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in page["Content-Security-Policy"]
    assert page["Cache-Control"] == "private, no-store"


def test_the_question_lets_a_form_lead_to_the_registered_address_alone(app, browser):
    policy = app.ask(browser, state="https://evil.example")["Content-Security-Policy"]

    form_action = next(part for part in policy.split(";") if "form-action" in part)
    assert form_action.split() == ["form-action", "'self'", "https://app.example"]


def test_a_name_of_an_app_is_text(browser):
    app = App(client_id="evil")
    Client.objects.update(name="<script>alert(1)</script>")

    page = app.ask(browser).text

    assert "&lt;script&gt;alert" in page
    assert "<script>alert" not in page


def test_an_app_cannot_allow_itself_more_by_its_token_in_a_cookie(app, browser):
    token = app.tokens(browser, scope="openid orders:read")["access_token"]
    impostor = Browser()
    impostor.cookies[access_name()] = token

    asked = app.ask(impostor, scope="orders:write")
    allowed = app.allow(impostor, scope="orders:write")

    assert asked["Location"].startswith("/login/")
    assert allowed["Location"].startswith(AUTHORIZE)
    assert Consent.objects.get().scopes == ["openid", "orders:read"]


def test_what_another_app_on_the_device_could_answer_is_asked_each_time(browser):
    local = App("local", redirect_uris="http://127.0.0.1/back", is_first_party=True)
    local.allow(browser)

    assert local.ask(browser).status_code == 200
    assert answer_of(local.ask(browser, prompt="none"))["error"] == "consent_required"


def test_a_hint_of_somebody_else_is_not_answered_for_who_is_there(let_in, browser, bob):
    hint = let_in.tokens(browser_of("bob@example.com"))["id_token"]

    asked = let_in.ask(browser, id_token_hint=hint)

    assert answer_of(let_in.ask(browser, prompt="none", id_token_hint=hint))["error"] == "login_required"
    assert (asked.status_code, asked.cookies.keys() & {access_name()}) == (200, set())
    assert "code" in answer_of(let_in.ask(browser))


@pytest.mark.parametrize("said", [{}, {"prompt": "none"}, {"prompt": "login"}])
def test_an_id_token_of_another_app_is_no_hint(let_in, browser, said):
    hint = App("other").tokens(browser)["id_token"]

    for visitor in (browser, Browser()):
        assert answer_of(let_in.ask(visitor, id_token_hint=hint, **said))["error"] == "invalid_request"
    assert answer_of(let_in.allow(browser, id_token_hint=hint))["error"] == "invalid_request"


def test_no_redirect_of_the_log_in_leads_elsewhere(alice):
    browser = Browser()
    target = quote("//evil.example/oauth/authorize?x")

    answer = browser.post(f"/login/?next={target}", {"email": "alice@example.com", "password": "correct horse battery"})

    assert answer["Location"] == "/products/"


# Codes ------------------------------------------------------------------------------------------


def invalid(answer, error="invalid_grant"):
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    return True


def test_a_code_used_twice_opens_nothing_and_ends_what_it_opened(app, browser, bearer):
    code = app.code(browser)
    token = app.exchange(code).json()["access_token"]

    assert invalid(app.exchange(code))

    session = Session.objects.get(client_id="app")
    assert session.end_reason == "code reuse"
    forget()
    assert bearer(token).get("/oauth/userinfo").status_code == 401


@pytest.mark.parametrize(
    "verifier", [None, "", "x" * 43, VERIFIER + "x", VERIFIER.upper(), CHALLENGE, "é" * 43, "x" * 9999]
)
def test_a_code_without_its_verifier_is_nothing_and_stays_good(app, browser, verifier):
    code = app.code(browser)

    assert invalid(app.exchange(code, code_verifier=verifier))
    assert app.exchange(code).status_code == 200


def test_a_code_injected_into_another_request_does_not_fit(app, browser, bob):
    """Mallory's code, or one that was stolen, in a browser whose app began with another verifier."""
    stolen = app.code(browser_of("bob@example.com"), code_challenge="z" * 43)

    assert invalid(app.exchange(stolen))


def test_a_code_of_another_client_is_nothing_and_stays_good(app, browser):
    other = App("other")
    code = app.code(browser)

    assert invalid(other.exchange(code))
    assert app.exchange(code).status_code == 200


def test_a_code_for_another_address_is_nothing(app, browser):
    Client.objects.update(redirect_uris=f"{CALLBACK}\nhttps://app.example/other")
    code = app.code(browser)

    assert invalid(app.exchange(code, redirect_uri="https://app.example/other"))
    assert app.exchange(code, redirect_uri=CALLBACK).status_code == 200


def test_a_code_is_good_for_a_minute(app, browser):
    code, other = app.code(browser), app.code(browser)

    with time_machine.travel(timezone.now() + timedelta(seconds=55)):
        assert app.exchange(code).status_code == 200
    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        assert invalid(app.exchange(other))


@pytest.mark.parametrize("code", ["", "x", "x" * 9000, "é"])
def test_nonsense_is_no_code(app, browser, code):
    assert invalid(app.exchange(code), "invalid_grant" if code else "invalid_request")


def test_a_code_dies_with_the_log_in_that_gave_it(app, browser):
    code = app.code(browser)
    browser.post("/logout/")

    assert invalid(app.exchange(code))


def test_a_code_is_stored_as_a_hash(app, browser):
    code = app.code(browser)

    assert AuthorizationCode.objects.get().pk == clients.hash_secret(code)


@pytest.mark.slow
@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_of_64_exchanges_at_once_one_opens_a_session(app, browser, at_once):
    code = app.code(browser)

    answers = at_once(64, lambda _: app.exchange(code))

    assert sorted({answer.status_code for answer in answers}) == [200, 400]
    assert [answer.status_code for answer in answers].count(200) == 1
    assert Session.objects.filter(client_id="app").count() == 1
    assert Session.objects.get(client_id="app").end_reason == "code reuse"


def test_a_public_app_that_shows_a_secret_or_another_way_in_is_refused(app, browser):
    code = app.code(browser)

    assert app.exchange(code, client_secret="a secret").status_code == 401
    assert app.exchange(code, client_assertion="x").status_code == 401


def test_an_app_with_a_secret_has_to_show_it(browser):
    app = App("shop", is_public=False)
    code = app.code(browser)

    assert app.exchange(code, client_secret=None).status_code == 401
    assert app.exchange(code, client_secret="wrong").status_code == 401
    assert app.exchange(code).status_code == 200


# Tokens taken for others ------------------------------------------------------------------------


@pytest.fixture
def tokens(app, browser):
    return app.tokens(browser, scope="openid offline_access orders:read")


def test_an_id_token_opens_nothing(app, tokens, bearer, api):
    answer = bearer(tokens["id_token"]).get("/oauth/userinfo")

    assert answer.status_code == 401
    assert api.post("/api/token/verify/", {"token": tokens["id_token"]}).status_code == 401
    assert app.refresh(tokens["id_token"]).json()["error"] == "invalid_grant"


def test_an_access_token_is_no_id_token(app, tokens, browser):
    assert answer_of(app.ask(browser, id_token_hint=tokens["access_token"]))["error"] == "invalid_request"
    assert browser.get(f"/oauth/logout?id_token_hint={tokens['access_token']}")["Location"] == "/logout/"


def test_a_refresh_token_is_no_access_token_and_an_access_token_no_refresh_token(app, tokens, bearer):
    assert bearer(tokens["refresh_token"]).get("/oauth/userinfo").status_code == 401
    assert invalid(app.refresh(tokens["access_token"]))


def test_a_refresh_widens_neither_scope_nor_audience(app, tokens, settings):
    issuer = settings.ISSUER

    assert invalid(app.refresh(tokens["refresh_token"], scope="orders:read orders:write"), "invalid_scope")
    assert invalid(app.refresh(tokens["refresh_token"], scope="accounts:manage"), "invalid_scope")
    assert app.refresh(tokens["refresh_token"], resource="https://moon.example").json()["error"] == "invalid_target"
    assert invalid(app.refresh(tokens["refresh_token"], resource=f"{issuer}/api/products"), "invalid_scope")
    only = app.refresh(tokens["refresh_token"], resource=f"{issuer}/api/accounts").json()
    assert only["scope"] == "offline_access openid"


WHO = "openid profile email offline_access"


def test_a_token_for_one_service_tells_it_not_who_the_person_is(app, browser, alice, bearer, settings):
    resource = f"{settings.ISSUER}/api/orders"
    tokens = app.tokens(browser, scope=f"{WHO} orders:read", resource=resource)

    _, told = read(tokens["id_token"])
    assert (told["name"], told["email"]) == ("Alice", "alice@example.com")
    renewed = app.refresh(tokens["refresh_token"]).json()
    for given in (tokens, renewed):
        _, claims = read(given["access_token"])
        assert (claims["aud"], claims["scope"], given["scope"]) == (["orders"], "orders:read", "orders:read")
        assert not {"name", "email"} & claims.keys()
        assert bearer(given["access_token"]).get("/oauth/userinfo").status_code == 401
        assert bearer(given["access_token"]).get("/api/orders/").status_code == 200
    wider = {"resource": f"{settings.ISSUER}/api/accounts"}
    assert invalid(app.refresh(renewed["refresh_token"], **wider), "invalid_scope")
    assert invalid(app.refresh(renewed["refresh_token"], scope="openid"), "invalid_scope")
    assert app.refresh(renewed["refresh_token"]).status_code == 200


def test_what_was_given_for_all_is_narrowed_by_each_exchange_alone(app, browser, alice, bearer, settings):
    code, orders = app.code(browser, scope=f"{WHO} orders:read"), f"{settings.ISSUER}/api/orders"

    tokens = app.exchange(code, resource=orders).json()

    _, claims = read(tokens["access_token"])
    assert (claims["aud"], claims["scope"], "email" in claims) == (["orders"], "orders:read", False)
    assert read(tokens["id_token"])[1]["email"] == alice.email
    whole = app.refresh(tokens["refresh_token"]).json()
    assert bearer(whole["access_token"]).get("/oauth/userinfo").json()["email"] == alice.email
    again = app.refresh(whole["refresh_token"], resource=orders).json()
    assert bearer(again["access_token"]).get("/oauth/userinfo").status_code == 401


def test_who_names_accounts_as_well_may_ask_who_the_person_is(app, browser, alice, bearer, settings):
    both = [f"{settings.ISSUER}/api/{service}" for service in ("accounts", "orders")]

    token = app.tokens(browser, scope="openid email orders:read", resource=both)["access_token"]

    assert read(token)[1]["aud"] == ["accounts", "orders"]
    assert bearer(token).get("/oauth/userinfo").json()["email"] == alice.email


@pytest.mark.parametrize("scope", ["openid", "openid email offline_access", "openid products:read"])
def test_for_a_service_of_which_nothing_is_asked_there_is_no_token(app, browser, scope, settings):
    answer = answer_of(app.ask(browser, scope=scope, resource=f"{settings.ISSUER}/api/orders"))

    assert answer["error"] == "invalid_scope"


@pytest.mark.parametrize("scope", ["openid", "openid offline_access", "products:read offline_access"])
def test_a_code_for_which_nothing_was_given_stays_good(app, browser, scope, settings):
    code = app.code(browser, scope=scope)

    assert invalid(app.exchange(code, resource=f"{settings.ISSUER}/api/orders"), "invalid_scope")

    assert not Session.objects.filter(client_id="app").exists()
    assert app.exchange(code).status_code == 200


def test_what_an_app_may_not_ask_for_any_more_its_code_does_not_give(app, browser):
    code, other = app.code(browser, scope="orders:read products:read"), app.code(browser, scope="products:read")
    Client.objects.update(app_scopes=["orders:read"])

    assert app.exchange(code).json()["scope"] == "orders:read"
    assert invalid(app.exchange(other), "invalid_scope")
    assert Session.objects.filter(client_id="app").count() == 1


def test_another_clients_refresh_token_is_nothing_to_an_app(app, tokens, log_in):
    other = App("other", is_public=False, app_scopes=["orders:read"])
    own = App("shop", is_public=False)

    for token in (tokens["refresh_token"], log_in()["refresh"]):
        assert invalid(other.refresh(token))
        assert other.post(INTROSPECT, token=token).json() == {"active": False}
        assert other.post(REVOKE, token=token).json()["error"] == "unauthorized_client"
    assert app.refresh(tokens["refresh_token"]).status_code == 200
    assert own.row.is_active


def test_an_apps_refresh_token_is_not_taken_by_the_log_in_of_people(tokens, api, browser):
    assert api.post("/api/token/refresh/", {"refresh": tokens["refresh_token"]}).status_code == 401
    form = urlencode({"client_id": "web", "token": tokens["refresh_token"]})
    assert browser.post(REVOKE, form, "application/x-www-form-urlencoded").status_code == 400


def test_its_own_refresh_token_is_told_of_without_the_shape_of_an_access_token(browser, alice, settings):
    app = App("shop", is_public=False)
    tokens = app.tokens(browser, scope="offline_access orders:read")

    assert app.post(INTROSPECT, token=tokens["refresh_token"]).json() == {
        "active": True,
        "iss": settings.ISSUER,
        "sub": alice.sub,
        "client_id": "shop",
        "scope": "offline_access orders:read",
    }
    assert app.post(INTROSPECT, token=tokens["access_token"]).json()["token_type"] == "Bearer"


def test_a_refresh_token_that_was_used_is_not_active(browser):
    app = App("shop", is_public=False)
    first = app.tokens(browser, scope="offline_access orders:read")["refresh_token"]
    second = app.refresh(first).json()["refresh_token"]

    def active(token):
        return app.post(INTROSPECT, token=token).json()["active"]

    assert [active(first), active(second)] == [True, True]  # The first may be sent again, if its answer was lost.
    with time_machine.travel(timezone.now() + timedelta(seconds=31)):
        assert [active(first), active(second)] == [False, True]
        app.refresh(second)
        assert [active(first), active(second)] == [False, True]
        assert app.post(REVOKE, token=first).json() == {}
        assert active(second) is False


@pytest.mark.parametrize(("scope", "names"), [("orders:read", []), ("openid email", ["alice@example.com"])])
def test_introspection_names_the_person_only_where_the_token_does(browser, scope, names):
    app, other = App(), App("shelf", is_public=False, audience=["accounts", "orders"])

    told = other.post(INTROSPECT, token=app.tokens(browser, scope=scope)["access_token"]).json()

    assert told["active"] is True
    assert [told[name] for name in ("username",) if name in told] == names


def test_who_has_no_secret_asks_about_no_token(app, tokens):
    assert app.post(INTROSPECT, token=tokens["access_token"]).status_code == 401


def test_a_refresh_token_used_again_ends_the_apps_session(app, tokens):
    app.refresh(tokens["refresh_token"])
    with time_machine.travel(timezone.now() + timedelta(seconds=31)):
        assert invalid(app.refresh(tokens["refresh_token"]))

    assert Session.objects.get(client_id="app").end_reason == "reuse"


def test_an_app_revokes_its_own_tokens(app, tokens):
    assert app.post(REVOKE, token=tokens["refresh_token"]).json() == {}

    assert Session.objects.get(client_id="app").end_reason == "revoked"
    assert Session.objects.get(client_id="web").ended_at is None


def test_an_app_that_is_switched_off_is_logged_out_everywhere(app, tokens):
    clients.change_client(app.row, {"is_active": False}, by=SYSTEM)

    assert Session.objects.get(client_id="app").end_reason == "app disabled"
    assert app.refresh(tokens["refresh_token"]).status_code == 401


def test_what_is_an_app_no_more_is_logged_out_everywhere(browser):
    shop = App("shop", is_public=False, scopes=["orders:read"], audience=["orders"])
    tokens = shop.tokens(browser, scope="openid offline_access orders:read")

    clients.change_client(shop.row, {"redirect_uris": "https://app.example/other"}, by=SYSTEM)
    assert Session.objects.get(client_id="shop").ended_at is None
    clients.change_client(shop.row, {"redirect_uris": ""}, by=SYSTEM)

    assert Session.objects.get(client_id="shop").end_reason == "app disabled"
    assert shop.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert shop.post(INTROSPECT, token=tokens["access_token"]).json() == {"active": False}
    assert shop.post("/oauth/token", grant_type="client_credentials").status_code == 200


def test_a_code_that_went_to_an_address_which_the_app_has_no_more_opens_nothing(app, browser):
    code = app.code(browser)

    clients.change_client(app.row, {"redirect_uris": "https://app.example/other"}, by=SYSTEM)

    assert invalid(app.exchange(code))
    assert not Session.objects.filter(client_id="app").exists()


@pytest.mark.parametrize("change", [{"is_active": False}, {"redirect_uris": ""}])
def test_a_code_of_an_app_that_was_switched_off_opens_nothing_afterwards(app, browser, change):
    code, before = app.code(browser), {name: getattr(app.row, name) for name in change}

    clients.change_client(app.row, change, by=SYSTEM)
    clients.change_client(app.row, before, by=SYSTEM)

    assert invalid(app.exchange(code))
    assert not Session.objects.filter(client_id="app").exists()


def test_a_code_whose_app_was_ended_opens_nothing_once_it_is_let_in_again(app, browser, alice):
    code = app.code(browser)
    browser.post("/account/apps/", {"app": "app"})

    assert app.exchange(app.code(browser)).status_code == 200
    assert invalid(app.exchange(code))
    assert Session.objects.filter(client_id="app").count() == 1


def test_an_app_that_was_switched_off_since_it_proved_who_it_is_opens_nothing(app, browser):
    code, proven = app.code(browser), app.row
    clients.change_client(app.row, {"is_active": False}, by=SYSTEM)

    with pytest.raises(InvalidCode):
        codes.redeem_code(code, proven, Shown(VERIFIER, None, SERVICES), origin=Origin("app"))

    assert not Session.objects.filter(client_id="app").exists()


def test_an_app_does_nothing_by_itself(app):
    assert invalid(app.post("/oauth/token", grant_type="client_credentials"), "unauthorized_client")
    shop = App("shop", is_public=False)
    assert invalid(shop.post("/oauth/token", grant_type="client_credentials"), "unauthorized_client")


def test_in_a_mix_up_each_answer_says_who_gives_it(let_in, browser, settings):
    answers = [let_in.ask(browser), let_in.ask(browser, scope="moon"), let_in.allow(browser, decision="deny")]

    assert {answer_of(answer)["iss"] for answer in answers} == {settings.ISSUER}
    document = browser.get("/.well-known/openid-configuration").json()
    assert document["authorization_response_iss_parameter_supported"] is True


@pytest.mark.parametrize("origin", ["https://app.example", "null"])
def test_a_page_of_any_origin_calls_what_takes_no_cookie_and_not_the_question(app, browser, origin):
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}

    for address in ("/oauth/token", "/oauth/userinfo", "/oauth/revoke", "/.well-known/openid-configuration"):
        answer = browser.options(address, headers=headers)
        assert (answer.status_code, answer["Access-Control-Allow-Origin"]) == (200, "*")
        assert "Access-Control-Allow-Credentials" not in answer
    for address in (AUTHORIZE, CONSENT, "/oauth/introspect"):
        assert "Access-Control-Allow-Origin" not in browser.get(address, headers={"Origin": origin})


def test_while_accounts_only_reads_no_code_is_given_by_a_get(let_in, browser, settings):
    hint = let_in.tokens(browser)["id_token"]
    settings.READ_ONLY = ["accounts"]

    answers = [let_in.ask(browser), browser.get(f"/oauth/logout?id_token_hint={hint}")]

    assert [answer.status_code for answer in answers] == [503, 503]
    assert AuthorizationCode.objects.filter(used_at=None).count() == 1


@pytest.mark.parametrize("path", ["/oauth/authorize", "/oauth/logout"])
@pytest.mark.parametrize(("fields", "status"), [(8 * 1024 - 6, 303), (8 * 1024 - 5, 413)])
def test_a_form_becomes_no_address_that_the_gateway_refuses(client, path, fields, status):
    answer = client.generic("POST", path, "state=" + "(" * fields, "application/x-www-form-urlencoded")

    assert answer.status_code == status
    assert len(answer.get("Location", "")) < 30_000
