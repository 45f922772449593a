"""Somebody logs in to an app: asked once, sent back with a code, which is exchanged for tokens."""

import base64
import hashlib
import re
from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
import time_machine
from django.test import Client as Browser
from django.utils import timezone

from accounts.models import Consent, Event, Role, Session, SigningKey
from tests.accounts.apps import AUTHORIZE, CALLBACK, CONSENT, App, answer_of, browser_of
from tests.accounts.conftest import PASSWORD
from tests.issuer import read
from tokens.cookies import access_name
from tokens.scopes import SCOPES
from tokens.verification import verify

pytestmark = pytest.mark.django_db

LOGOUT, USERINFO = "/oauth/logout", "/oauth/userinfo"


@pytest.fixture
def app(db):
    return App()


@pytest.fixture
def browser(alice):
    return browser_of("alice@example.com")


def minutes(number):
    return time_machine.travel(timezone.now() + timedelta(minutes=number))


def test_an_app_is_let_in_and_given_tokens(app, browser, alice, settings):
    asked = app.ask(browser)
    assert asked.status_code == 200
    assert "App asks for access" in asked.text

    back = app.allow(browser)

    assert back["Location"].startswith(f"{CALLBACK}?code=")
    answer = answer_of(back)
    assert answer == {"code": answer["code"], "state": "a state", "iss": settings.ISSUER}
    tokens = app.exchange(answer["code"])
    assert tokens["Cache-Control"] == "no-store"
    body = tokens.json()
    assert body == {
        "access_token": body["access_token"],
        "id_token": body["id_token"],
        "token_type": "Bearer",
        "expires_in": 600,
        "scope": "openid orders:read",
    }
    assert verify(body["access_token"], "orders")["sub"] == alice.sub


def test_the_page_to_log_in_says_which_app_sent_somebody(app):
    away = app.ask(Browser())

    assert "Log in here to go on to <strong>App</strong>." in Browser().get(away["Location"]).text


@pytest.mark.parametrize(
    "target",
    [
        "/oauth/authorize",
        "/oauth/authorize?client_id=nobody",
        "/oauth/authorize?client_id=a%00pp",
        "/oauth/authorize?client_id=machine",
        "/oauth/authorize?client_id=off",
        "/orders/?client_id=app",
        "https://elsewhere.example/oauth/authorize?client_id=app",
    ],
)
def test_the_page_to_log_in_names_no_app_that_we_do_not_know(app, target):
    App("machine", redirect_uris="", is_public=False)
    App("off", is_active=False)

    page = Browser().get("/login/", {"next": target})

    assert page.status_code == 200
    assert "to go on to" not in page.text


@pytest.mark.parametrize(
    ("hint", "shown"),
    [
        ("alice@example.com", "alice@example.com"),
        ("Alice@BÜCHER.example", "alice@xn--bcher-kva.example"),
        ("+44 20 7946 0000", None),
        ('"><script>', None),
        (f"{'a' * 300}@example.com", None),
        ("", None),
    ],
)
def test_the_page_to_log_in_begins_with_the_address_that_the_app_means(app, hint, shown):
    page = Browser().get(app.ask(Browser(), login_hint=hint)["Location"])

    field = re.search(r'<input type="email"[^>]*>', page.text)[0]
    assert re.findall('value="([^"]*)"', field) == ([shown] if shown else [])


def test_a_hint_is_an_apps_to_give_and_decides_nothing(app, browser):
    for target in ("/orders/?login_hint=alice@example.com", "/oauth/authorize?login_hint=a%00lice@example.com"):
        page = Browser().get("/login/", {"next": target})
        assert (page.status_code, "lice@example.com" in page.text.partition('type="email"')[2][:200]) == (200, False)

    assert app.ask(browser, login_hint="bob@example.com").status_code == 200
    app.allow(browser)
    assert "code" in answer_of(app.ask(browser, login_hint="bob@example.com"))


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("https://app.example/back", "app.example"),
        ("http://127.0.0.1:51234/back", "127.0.0.1:51234"),
        ("com.example.app:/back", "an app on this device (com.example.app)"),
        ("com.example.app://shop.example/back", "an app on this device (com.example.app)"),
    ],
)
def test_the_question_says_where_the_answer_goes(browser, address, site):
    app = App(redirect_uris=address)

    assert f'<strong class="app-site">{site}</strong>' in app.ask(browser).text


def test_what_an_app_gets_is_a_session_of_its_own(app, browser, alice):
    _, claims = read(app.tokens(browser)["access_token"])

    session = Session.objects.get(client_id="app")
    assert (claims["sid"], claims["client_id"]) == (str(session.pk), "app")
    assert (claims["aud"], claims["scope"]) == (["accounts", "orders"], "openid orders:read")
    assert (claims["roles"], "name" in claims, "email" in claims) == ([], False, False)
    assert session.auth_time == Session.objects.get(client_id="web").proven_at


def test_an_app_is_told_name_and_address_where_that_was_allowed(app, browser):
    _, claims = read(app.tokens(browser, scope="openid profile email")["access_token"])

    assert (claims["name"], claims["email"], claims["aud"]) == ("Alice", "alice@example.com", ["accounts"])


def test_an_id_token_says_who_logged_in(app, browser, alice, settings):
    tokens = app.tokens(browser, scope="openid email", nonce="n-1")

    key = jwt.PyJWK(SigningKey.objects.get(state="signing").public_jwk).key
    claims = jwt.decode(tokens["id_token"], key, ["ES256"], audience="app", issuer=settings.ISSUER)
    session = Session.objects.get(client_id="app")
    digest = hashlib.sha256(tokens["access_token"].encode()).digest()[:16]
    assert claims == {
        "iss": settings.ISSUER,
        "sub": alice.sub,
        "aud": "app",
        "iat": claims["iat"],
        "exp": claims["iat"] + 600,
        "auth_time": int(session.auth_time.timestamp()),
        "acr": "aal1",
        "amr": ["pwd"],
        "sid": str(session.pk),
        "nonce": "n-1",
        "at_hash": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "email": "alice@example.com",
        "email_verified": claims["email_verified"],
    }


@pytest.mark.parametrize(
    ("scope", "said"),
    [("openid", {}), ("openid profile", {"name": "Alice"}), ("openid email", {"email": "alice@example.com"})],
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_userinfo_says_what_was_allowed(app, browser, alice, bearer, scope, said, method):
    token = app.tokens(browser, scope=scope)["access_token"]

    answer = getattr(bearer(token), method)(USERINFO)

    about = answer.json()
    about.pop("email_verified", None)
    assert (answer.status_code, about) == (200, {"sub": alice.sub, **said})


def test_userinfo_wants_openid(app, browser, bearer, log_in):
    without = app.tokens(browser, scope="orders:read")["access_token"]

    assert bearer(without).get(USERINFO).status_code == 401
    assert bearer(log_in()["access"]).get(USERINFO).status_code == 403


def test_who_is_not_logged_in_logs_in_first_and_comes_back(app, alice):
    browser = Browser()
    away = app.ask(browser)
    assert away["Location"].startswith("/login/?next=/oauth/authorize")

    back = browser.post(away["Location"], {"email": "alice@example.com", "password": PASSWORD})

    assert urlsplit(back["Location"]).path == AUTHORIZE
    assert "App asks for access" in browser.get(back["Location"]).text


@pytest.mark.parametrize("said", [{"state": "s" * 2000}, {"state": "ü" * 600}, {"login_hint": "a" * 3000}])
def test_who_logs_in_comes_back_to_a_long_request_too(app, alice, said):
    browser = Browser()
    away = app.ask(browser, **said)
    assert len(away["Location"]) > 2048
    assert "Log in here to go on to <strong>App</strong>." in browser.get(away["Location"]).text

    back = browser.post(away["Location"], {"email": "alice@example.com", "password": PASSWORD})

    assert back["Location"] == f"{AUTHORIZE}?{app.query(**said)}"
    assert answer_of(app.allow(browser, **said))["state"] == said.get("state", "a state")


def test_who_proves_again_who_they_are_comes_back_to_a_long_request_too(app, browser):
    app.allow(browser)
    away = app.ask(browser, prompt="login", state="s" * 2000)

    back = browser.post(away["Location"], {"step-up-current_password": PASSWORD})

    assert answer_of(browser.get(back["Location"]))["state"] == "s" * 2000


def test_whose_token_has_expired_has_it_renewed_first(app, browser):
    with minutes(11):
        answer = app.ask(browser)

    assert (answer.status_code, urlsplit(answer["Location"]).path) == (307, "/login/renew/")


def test_what_was_allowed_is_not_asked_again(app, browser):
    app.allow(browser)

    assert "code" in answer_of(app.ask(browser))
    assert "code" in answer_of(app.ask(browser, prompt="none"))


def test_more_than_was_allowed_is_asked(app, browser):
    app.allow(browser)

    assert app.ask(browser, scope="openid orders:read products:read").status_code == 200
    assert app.ask(browser, prompt="consent").status_code == 200
    assert app.ask(browser, prompt="select_account").status_code == 200


def test_what_was_allowed_grows_and_is_an_event(app, browser, alice):
    app.allow(browser)
    app.allow(browser, scope="products:read")

    assert Consent.objects.get().scopes == ["openid", "orders:read", "products:read"]
    events = Event.objects.about(alice).filter(what="app allowed").values_list("facts", flat=True)
    assert list(events) == [
        {"app": "app", "scopes": ["openid", "orders:read"]},
        {"app": "app", "scopes": ["products:read"]},
    ]


def test_nobody_is_asked_for_an_app_of_the_shop(browser):
    own = App("desk", is_first_party=True)

    assert "code" in answer_of(own.ask(browser))


def test_who_does_not_allow_it_goes_back_without_a_code(app, browser, settings):
    answer = answer_of(app.allow(browser, decision="deny"))

    assert (answer["error"], answer["state"], answer["iss"]) == ("access_denied", "a state", settings.ISSUER)
    assert not Consent.objects.exists()


def test_somebody_else_may_log_in_instead(app, browser):
    answer = app.allow(browser, decision="other")

    assert answer["Location"].startswith("/login/?next=/oauth/authorize")
    assert Session.objects.get().end_reason == "log-out"


def test_whom_the_app_means_logs_in_instead_of_who_is_there(app, browser, bob):
    hint = app.tokens(browser_of("bob@example.com"))["id_token"]
    page = app.ask(browser, id_token_hint=hint)
    assert "asks for another account" in page.text
    assert "form-action 'self' https://app.example" in page["Content-Security-Policy"]

    away = app.allow(browser, decision="other", id_token_hint=hint)
    back = browser.post(away["Location"], {"email": "bob@example.com", "password": PASSWORD})

    assert Session.objects.get(user__email="alice@example.com").end_reason == "log-out"
    assert "code" in answer_of(browser.get(back["Location"]))


def test_who_stays_logged_in_goes_back_without_a_code(app, browser, bob):
    hint = app.tokens(browser_of("bob@example.com"))["id_token"]

    answer = app.allow(browser, decision="deny", id_token_hint=hint)

    assert answer_of(answer)["error"] == "access_denied"
    assert app.allow(browser, id_token_hint=hint)["Location"].startswith(AUTHORIZE)
    assert not Session.objects.get(user__email="alice@example.com").ended_at


def test_after_a_form_of_ours_the_page_goes_on_by_itself(app, browser):
    app.allow(browser)

    page = browser.get(f"{AUTHORIZE}?{app.query()}", headers={"Sec-Fetch-Site": "same-origin"})

    assert page.status_code == 200
    assert f'content="0;url={CALLBACK}?code=' in page.text


def test_the_page_of_the_question_names_where_its_form_may_lead(app, browser):
    assert "form-action 'self' https://app.example" in app.ask(browser)["Content-Security-Policy"]


def test_a_request_may_come_as_a_form(app, browser):
    answer = Browser(enforce_csrf_checks=True).post(AUTHORIZE, app.query(), "application/x-www-form-urlencoded")

    assert (answer.status_code, answer["Location"]) == (303, f"{AUTHORIZE}?{app.query()}")


# Scope and audience -----------------------------------------------------------------------------


def test_an_audience_is_narrowed_by_resource(app, browser, settings):
    resource = f"{settings.ISSUER}/api/products"

    tokens = app.tokens(browser, scope="orders:read products:read", resource=resource)

    _, claims = read(tokens["access_token"])
    assert (claims["aud"], claims["scope"], tokens["scope"]) == (["products"], "products:read", "products:read")


def test_a_code_may_be_exchanged_for_a_part_of_its_audience(app, browser, settings):
    code = app.code(browser, scope="orders:read products:read")

    body = app.exchange(code, resource=f"{settings.ISSUER}/api/orders").json()

    assert read(body["access_token"])[1]["aud"] == ["orders"]


@pytest.mark.parametrize("resource", ["https://moon.example/api/orders", "orders", "http://localhost:8000/api/"])
def test_a_resource_that_there_is_not_is_refused(app, browser, resource):
    assert answer_of(app.ask(browser, resource=[resource]))["error"] == "invalid_target"


def test_without_a_scope_an_app_asks_for_all_that_it_may(app, browser):
    assert app.tokens(browser, scope=None)["scope"] == "orders:read orders:write products:read"


def test_a_scope_that_an_app_may_not_ask_for_is_left_out(app, browser):
    assert app.tokens(browser, scope="openid accounts:manage moon")["scope"] == "openid"
    assert answer_of(app.ask(browser, scope="accounts:manage"))["error"] == "invalid_scope"
    assert answer_of(app.ask(browser, scope="offline_access"))["error"] == "invalid_scope"


def test_an_app_gets_nothing_that_the_person_may_not_do(app, browser, alice):
    alice.roles.set([Role.objects.create(name="reader", scopes=["account", "orders:read"])])

    tokens = app.tokens(browser, scope="orders:read orders:write")

    assert tokens["scope"] == "orders:read"
    assert answer_of(app.ask(browser, scope="orders:write"))["error"] == "access_denied"


def test_what_has_to_be_earned_is_withheld_from_an_app_too(app, browser, alice):
    alice.email_verified_at = None
    alice.save()

    assert app.tokens(browser, scope="orders:read orders:write")["scope"] == "orders:read"


# Log-in again -----------------------------------------------------------------------------------


def test_an_old_log_in_is_proven_again_and_then_will_do(app, browser):
    app.allow(browser)
    Session.objects.filter(client_id="web").update(auth_time=timezone.now() - timedelta(hours=1))
    assert "code" in answer_of(app.ask(browser, max_age="7200"))

    away = app.ask(browser, max_age="60")

    path = parse_qs(urlsplit(away["Location"]).query)["next"][0]
    assert urlsplit(away["Location"]).path == "/login/step-up/"
    assert browser.get(path)["Location"].startswith("/login/step-up/")
    Session.objects.filter(client_id="web").update(auth_time=timezone.now() + timedelta(seconds=1))
    assert "code" in answer_of(browser.get(path))


@pytest.mark.parametrize("asked", [{"prompt": "login"}, {"max_age": "0"}])
def test_an_app_may_want_the_password_each_time(app, browser, asked):
    app.allow(browser)
    Session.objects.filter(client_id="web").update(auth_time=timezone.now() - timedelta(seconds=5))

    away = app.ask(browser, **asked)
    path = parse_qs(urlsplit(away["Location"]).query)["next"][0]
    Session.objects.filter(client_id="web").update(auth_time=timezone.now() + timedelta(seconds=1))

    assert "code" in answer_of(browser.get(path))
    other = app.ask(browser, **asked, state="another", code_challenge="b" * 43)
    if "prompt" in asked:
        assert urlsplit(other["Location"]).path == "/login/step-up/"


def test_proof_for_one_request_is_none_for_another(app, browser):
    app.allow(browser)
    away = app.ask(browser, prompt="login")
    path = parse_qs(urlsplit(away["Location"]).query)["next"][0]
    Session.objects.filter(client_id="web").update(auth_time=timezone.now() + timedelta(seconds=1))
    marker = parse_qs(urlsplit(path).query)["asked_at"][0]

    other = app.ask(browser, prompt="login", code_challenge="b" * 43, asked_at=marker)

    assert urlsplit(other["Location"]).path == "/login/step-up/"


def test_two_factors_are_asked_for_and_missed_where_there_are_none(app, browser):
    app.allow(browser)
    away = app.ask(browser, acr_values="aal2")
    assert away["Location"].endswith("&acr=aal2")
    path = parse_qs(urlsplit(away["Location"]).query)["next"][0]
    Session.objects.filter(client_id="web").update(auth_time=timezone.now() + timedelta(seconds=1))

    assert answer_of(browser.get(path))["error"] == "unmet_authentication_requirements"
    Session.objects.filter(client_id="web").update(second_factor_at=timezone.now())
    assert "code" in answer_of(app.ask(browser, acr_values="aal2"))


@pytest.mark.parametrize(
    ("wanted", "must_prove"),
    [("aal2", True), ("urn:example:gold aal2", True), ("aal2 aal1", False), ("aal1 aal2", False), ("aal3", False)],
)
def test_one_factor_will_do_where_the_app_says_so(app, browser, wanted, must_prove):
    app.allow(browser)

    away = app.ask(browser, acr_values=wanted)

    assert away["Location"].endswith("&acr=aal2") is must_prove
    assert ("code=" in away["Location"]) is not must_prove


# Refresh ----------------------------------------------------------------------------------------


def test_an_app_goes_on_with_offline_access(app, browser):
    tokens = app.tokens(browser, scope="openid offline_access orders:read")

    renewed = app.refresh(tokens["refresh_token"]).json()

    assert renewed.keys() == {"access_token", "refresh_token", "token_type", "expires_in", "scope"}
    assert renewed["refresh_token"] != tokens["refresh_token"]
    assert verify(renewed["access_token"], "orders")["client_id"] == "app"


def test_without_it_its_session_ends_with_its_token(app, browser):
    assert "refresh_token" not in app.tokens(browser)

    session = Session.objects.get(client_id="app")
    assert session.expires_at - session.created_at <= timedelta(minutes=10, seconds=1)


def test_a_refresh_may_ask_for_less_and_the_next_has_all_again(app, browser, settings):
    tokens = app.tokens(browser, scope="offline_access orders:read products:read")

    less = app.refresh(tokens["refresh_token"], scope="orders:read", resource=f"{settings.ISSUER}/api/orders").json()
    all_again = app.refresh(less["refresh_token"]).json()

    assert (less["scope"], read(less["access_token"])[1]["aud"]) == ("orders:read", ["orders"])
    assert all_again["scope"] == "offline_access orders:read products:read"


def test_what_an_app_may_not_ask_for_any_more_it_does_not_get(app, browser):
    tokens = app.tokens(browser, scope="offline_access orders:read products:read")
    row = app.row
    row.app_scopes = ["products:read"]
    row.save()

    assert app.refresh(tokens["refresh_token"]).json()["scope"] == "offline_access products:read"


# Log-out ----------------------------------------------------------------------------------------


def log_out(browser, **said):
    return browser.get(f"{LOGOUT}?{urlencode(said)}")


def test_an_app_logs_somebody_out_and_gets_them_back(browser):
    app = App(logout_uris="https://app.example/bye")
    hint = app.tokens(browser)["id_token"]

    back = log_out(browser, id_token_hint=hint, post_logout_redirect_uri="https://app.example/bye", state="s")

    assert (back.status_code, back["Location"]) == (303, "https://app.example/bye?state=s")
    assert back.cookies[access_name()].value == ""
    assert not Session.objects.filter(ended_at=None).exists()


def test_what_has_no_value_is_left_out_of_a_log_out(app, browser):
    back = log_out(browser, id_token_hint=app.tokens(browser)["id_token"], client_id="", state="")

    assert (back.status_code, back["Location"]) == (303, "/login/")
    assert not Session.objects.filter(ended_at=None).exists()


@pytest.mark.parametrize("wanted", ["https://evil.example/", "https://app.example/bye/", CALLBACK, ""])
def test_after_a_log_out_nobody_is_sent_elsewhere(browser, wanted):
    app = App(logout_uris="https://app.example/bye")

    back = log_out(browser, id_token_hint=app.tokens(browser)["id_token"], post_logout_redirect_uri=wanted)

    assert back["Location"] == "/login/"


def test_without_a_hint_or_with_another_persons_one_is_asked(app, browser, bob):
    hint = app.tokens(browser_of("bob@example.com"))["id_token"]
    access = app.tokens(browser)["access_token"]

    answers = [log_out(browser), log_out(browser, id_token_hint=hint), log_out(browser, id_token_hint=access)]

    assert {answer["Location"] for answer in answers} == {"/logout/"}
    assert Session.objects.filter(ended_at=None, client_id="web").count() == 2


def test_an_expired_cookie_still_says_who_is_there(app, browser, bob):
    theirs = app.tokens(browser_of("bob@example.com"))["id_token"]
    own = app.tokens(browser)["id_token"]

    with minutes(11):
        asked = log_out(browser, id_token_hint=theirs)
        alive = Session.objects.filter(ended_at=None, client_id="web").count()
        ended = log_out(browser, id_token_hint=own)

    assert (asked["Location"], asked.cookies.keys() & {access_name()}, alive) == ("/logout/", set(), 2)
    assert (ended["Location"], ended.cookies[access_name()].value) == ("/login/", "")
    assert Session.objects.get(client_id="web", ended_at=None).user == bob


@pytest.mark.parametrize("cookie", ["nonsense", "e30.e30.x"])
def test_whoever_cannot_be_named_is_asked(app, browser, cookie):
    hint = app.tokens(browser)["id_token"]
    browser.cookies[access_name()] = cookie

    answer = log_out(browser, id_token_hint=hint)

    assert (answer["Location"], answer.cookies.keys() & {access_name()}) == ("/logout/", set())
    assert not Session.objects.filter(ended_at__isnull=False).exists()


@pytest.mark.parametrize(
    "end",
    [
        lambda app, browser, tokens: browser.post("/account/apps/", {"app": "app"}),
        lambda app, browser, tokens: app.post("/oauth/revoke", token=tokens["access_token"]),
        lambda app, browser, tokens: Session.objects.filter(client_id="app").delete(),
    ],
    ids=["on the account page", "by the app", "long ago"],
)
def test_an_app_that_was_ended_logs_nobody_out_unasked(browser, end):
    app = App(is_public=False)
    tokens = app.tokens(browser)
    end(app, browser, tokens)

    answer = log_out(browser, id_token_hint=tokens["id_token"])

    assert (answer["Location"], answer.cookies.keys() & {access_name()}) == ("/logout/", set())
    assert Session.objects.get(client_id="web").ended_at is None


def test_an_id_token_names_its_own_app_and_no_other(app, browser):
    other = App("other")

    answer = log_out(browser, id_token_hint=app.tokens(browser)["id_token"], client_id=other.client_id)

    assert answer["Location"] == "/logout/"
    assert not Session.objects.filter(ended_at__isnull=False).exists()


def test_where_nobody_is_logged_in_any_more_an_app_gets_its_visitor_back(browser):
    app = App(logout_uris="https://app.example/bye")
    hint = app.tokens(browser)["id_token"]
    browser.post("/logout/")

    for visitor in (browser, Browser()):
        back = log_out(visitor, id_token_hint=hint, post_logout_redirect_uri="https://app.example/bye")
        assert back["Location"] == "https://app.example/bye"


# The account page -------------------------------------------------------------------------------


def test_the_account_page_shows_what_apps_may_do(app, browser, settings):
    settings.TIME_ZONE = "Asia/Tokyo"
    app.allow(browser)

    page = browser.get("/account/apps/")

    assert "App" in page.text
    assert SCOPES["orders:read"] in page.text
    assert (page.text.count(" JST</time>"), "UTC" in page.text) == (2, False)
    assert "1 app" in browser.get("/account/").text


def test_an_app_that_is_ended_is_logged_out_and_has_to_ask_again(app, browser, alice, api):
    tokens = app.tokens(browser, scope="offline_access orders:read")
    code = app.code(browser)

    assert browser.post("/account/apps/", {"app": "app"}).status_code == 302

    assert Session.objects.get(client_id="app").end_reason == "app ended"
    assert app.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert app.exchange(code).json()["error"] == "invalid_grant"
    assert app.ask(browser).status_code == 200
    assert Event.objects.about(alice).last().what == "app ended"


@pytest.mark.parametrize(("is_own", "said"), [(False, "has to ask you"), (True, "may be let in again without asking")])
def test_what_is_said_of_an_app_that_was_ended_is_what_happens(browser, is_own, said):
    app = App(is_public=False, is_first_party=is_own)
    app.allow(browser)
    assert ("(the shop's own)" in browser.get("/account/apps/").text) is is_own

    page = browser.post("/account/apps/", {"app": "app"}, follow=True)

    assert said in page.text
    assert ("code" in answer_of(app.ask(browser, prompt="none"))) is is_own


def test_nobody_ends_the_apps_of_another(app, browser, bob):
    app.allow(browser_of("bob@example.com"))

    browser.post("/account/apps/", {"app": "app"})

    assert Consent.objects.get().user == bob


def test_sessions_of_apps_make_room_for_each_other_alone(app, browser, settings):
    settings.SESSIONS_PER_PERSON = 2
    for _ in range(4):
        app.tokens(browser, scope="offline_access orders:read")

    assert Session.objects.filter(client_id="web", ended_at=None).count() == 1
    assert Session.objects.filter(client_id="app", ended_at=None).count() == 2


def test_consent_of_a_form_without_its_token_is_refused(app, alice):
    browser = Browser(enforce_csrf_checks=True)
    browser.cookies.update(browser_of("alice@example.com").cookies)

    answer = browser.post(f"{CONSENT}?{app.query()}", {"decision": "allow"})

    assert answer.status_code == 403
    assert answer["Content-Type"].startswith("text/html")
    assert not Consent.objects.exists()
