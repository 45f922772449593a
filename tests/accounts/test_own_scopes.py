"""What is a person's own no app does, nor a service in their name; staff gain nothing by an app that they register."""

import pytest
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.test import Client as Browser
from rest_framework.test import APIClient

from accounts.factors import totp
from accounts.factors.freshness import NotRecent
from accounts.factors.removal import remove_all
from accounts.issuing.tokens import issue_exchanged
from accounts.login import sessions
from accounts.login.sessions import Origin
from accounts.models import Client, Passkey, Role, Session, Totp, User
from accounts.oauth import clients
from accounts.people import access
from accounts.people.access import NotHeld
from tests.accounts.admin import ADMIN, fill
from tests.accounts.apps import CALLBACK, App, answer_of, browser_of
from tests.accounts.conftest import PASSWORD, register
from tests.accounts.factors import add_passkey, caller
from tests.accounts.test_token_exchange import Service, api  # noqa: F401 - a fixture
from tests.issuer import read
from tokens.cookies import access_name
from tokens.registry import services
from tokens.scopes import APP_SCOPES, OWN_SCOPES, ROLE_SCOPES
from tokens.user import TokenUser
from wire.events import SYSTEM, Named

pytestmark = pytest.mark.django_db

OWN = ["account", "accounts:manage", "orders:manage", "products:write"]
CHANGES = [
    ("post", "factors/passkeys/options/"),
    ("post", "factors/totp/setup/"),
    ("post", "factors/recovery-codes/"),
    ("delete", "factors/totp/"),
    ("delete", "sessions/"),
    ("post", "me/password/"),
    ("post", "me/email/"),
    ("patch", "me/"),
    ("delete", "me/"),
    ("get", "me/"),
]


@pytest.fixture
def root(alice):
    alice.roles.add(Role.objects.get(name="admin"))
    return alice


@pytest.fixture
def mallory(db):
    """Somebody who manages accounts, and no more."""
    mallory = register("mallory@example.com", PASSWORD, "Mallory")
    mallory.roles.set([Role.objects.create(name="account manager", scopes=["account", "accounts:manage"])])
    return mallory


def forged(claims, **changed):
    """A token that says more than any that is given out."""
    return issue_exchanged(claims, **{"aud": ["accounts", "orders", "products"], **changed})


def test_what_manages_the_shop_and_the_account_are_a_persons_own():
    assert sorted(OWN_SCOPES) == OWN
    assert {*OWN_SCOPES} >= {service.staff for service in services().values() if service.staff}
    assert not {*APP_SCOPES} & OWN_SCOPES


@pytest.mark.parametrize("scope", OWN)
def test_no_app_is_registered_for_them(scope):
    app = Client(client_id="app", name="App", redirect_uris=CALLBACK, app_scopes=["orders:read", scope])

    with pytest.raises(ValidationError) as refused:
        app.full_clean(exclude=["status"])

    assert refused.value.message_dict["app_scopes"] == [
        "People may let an app do: orders:read, orders:write, products:read."
    ]


@pytest.mark.parametrize("scope", OWN)
@pytest.mark.parametrize("first_party", [False, True])
def test_an_app_that_has_them_in_its_row_gets_none(root, scope, first_party):
    app, browser = App(app_scopes=["orders:read", scope], is_first_party=first_party), browser_of(root.email)

    got = app.tokens(browser, scope=f"orders:read offline_access {scope}")

    assert read(got["access_token"])[1]["scope"] == got["scope"] == "offline_access orders:read"
    assert scope not in read(got["access_token"])[1].get("withheld", "")
    assert answer_of(app.ask(browser, scope=scope))["error"] == "invalid_scope"
    Session.objects.filter(client_id="app").update(scopes=["offline_access", "orders:read", scope])
    assert app.refresh(got["refresh_token"]).json()["scope"] == "offline_access orders:read"


@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_an_apps_token_changes_no_account_whatever_it_says(alice, method, path):
    got = App().tokens(browser_of(alice.email), scope="orders:read")
    told = forged(read(got["access_token"])[1], scope="account", client_id="app")
    program = APIClient(headers={"Authorization": f"Bearer {told}"})

    answer = getattr(program, method)(f"/api/accounts/{path}", {}, format="json")

    assert answer.status_code == 403
    assert answer.json()["type"] == "/problems/insufficient-scope/"
    assert not Passkey.objects.exists()


@pytest.mark.parametrize("act", [{"sub": "reviews"}, None])
@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_nor_does_one_that_was_exchanged(alice, method, path, act):
    claims = read(sessions.open_session(alice, Origin("web")).access)[1]
    # One of the two says that it is another's.
    told = forged(claims, **({"act": act, "client_id": "web"} if act else {"client_id": "reviews"}))
    program = APIClient(headers={"Authorization": f"Bearer {told}"})

    answer = getattr(program, method)(f"/api/accounts/{path}", {}, format="json")

    assert answer.status_code == 403
    assert answer.json()["type"] == "/problems/insufficient-scope/"


@pytest.mark.parametrize("scope", OWN)
def test_they_are_never_exchanged(root, api, scope):  # noqa: F811
    token = sessions.open_session(root, Origin("web"), "pwd otp mfa").access
    service = Service(api, "reviews", audience=("accounts", "orders", "products"))

    refused = service.ask(token, scope=scope)

    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")
    assert not {*read(service.exchange(token))[1]["scope"].split()} & OWN_SCOPES


def test_a_service_of_accounts_alone_gets_nothing(root, api):  # noqa: F811
    token = sessions.open_session(root, Origin("web"), "pwd otp mfa").access

    assert Service(api, "reviews", audience=("accounts",)).ask(token).json()["error"] == "invalid_scope"


@pytest.mark.parametrize("changed", [{"client_id": "app"}, {"act": {"sub": "reviews"}}])
@pytest.mark.parametrize("path", ["/account/", "/orders/", f"{ADMIN}user/", "/account/factors/"])
def test_no_page_takes_the_token_of_an_app_from_a_cookie(root, changed, path):
    own = sessions.open_session(root, Origin("web"), "pwd otp mfa").access
    browser, other = Browser(), Browser()
    browser.cookies[access_name()], other.cookies[access_name()] = own, forged(read(own)[1], **changed)

    assert browser.get(path).status_code == 200
    assert other.get(path)["Location"].startswith("/login/")


def test_a_real_token_of_an_app_in_a_cookie_opens_nothing(alice):
    got = App().tokens(browser_of(alice.email), scope="orders:read")
    browser = Browser()
    browser.cookies[access_name()] = got["access_token"]

    assert browser.get("/orders/")["Location"].startswith("/login/")
    reader = APIClient(headers={"Authorization": f"Bearer {got['access_token']}"})
    assert reader.get("/api/orders/").status_code == 200


def test_staff_give_no_more_than_their_token_carries(root):
    claims = read(sessions.open_session(root, Origin("web"), "pwd otp mfa").access)[1]
    narrow, delegated = TokenUser(claims | {"scope": "accounts:manage"}), TokenUser(claims | {"client_id": "app"})

    assert access.held_scopes(TokenUser(claims)) >= {*OWN}
    assert access.held_scopes(narrow) & {*ROLE_SCOPES} == {"accounts:manage"}
    assert not access.held_scopes(delegated) & OWN_SCOPES
    with pytest.raises(NotHeld):
        access.check_holds(delegated, [])


def first_party(**columns):
    return Client(client_id="own", name="Own", redirect_uris=CALLBACK, app_scopes=[], is_first_party=True, **columns)


def test_who_holds_less_than_everything_has_no_app_that_nobody_is_asked_about(mallory, root):
    by = Named(mallory.sub, "web")
    with pytest.raises(NotHeld):
        clients.register_client(first_party(), by=by)

    plain = App("plain", app_scopes=[]).row
    with pytest.raises(NotHeld):
        clients.change_client(plain, {"is_first_party": True}, by=by)

    clients.register_client(first_party(), by=Named(root.sub, "web"))
    for change in ({"redirect_uris": "https://evil.example/"}, {"is_first_party": False}, {"name": "Mine"}):
        with pytest.raises(NotHeld):
            clients.change_client(Client.objects.get(pk="own"), change, by=by)
    with pytest.raises(NotHeld):
        clients.renew_secret(Client.objects.get(pk="own"), by=by)
    assert not Client.objects.get(pk="plain").is_first_party


def test_the_form_offers_it_to_who_holds_everything(mallory, root):
    form = {"client_id": "evil", "name": "Evil", "redirect_uris": CALLBACK, "is_active": "on", "is_first_party": "on"}

    answer = browser_of(mallory.email).post(f"{ADMIN}client/add/", form)
    browser_of(root.email).post(f"{ADMIN}client/add/", form | {"client_id": "own"})

    assert answer.status_code == 200
    assert dict(Client.objects.values_list("pk", "is_first_party")) == {"evil": False, "own": True}


def test_an_app_of_the_shop_is_only_shown_to_who_holds_less(mallory):
    clients.register_client(first_party(), by=SYSTEM)
    browser = browser_of(mallory.email)

    answer = browser.post(f"{ADMIN}client/own/change/", {"redirect_uris": "https://evil.example/"})

    assert browser.get(f"{ADMIN}client/own/change/").status_code == 200
    assert answer.status_code == 403


def test_the_form_keeps_whose_an_app_is_for_who_cannot_say(mallory):
    App("plain", app_scopes=[])
    browser = browser_of(mallory.email)
    page = browser.get(f"{ADMIN}client/plain/change/")

    browser.post(f"{ADMIN}client/plain/change/", fill(page, name="Mine", is_first_party="on"))

    assert Client.objects.values_list("name", "is_first_party").get() == ("Mine", False)


# Another password, set where nobody of ours was asked ----------------------------------------------


def test_an_app_does_not_refresh_under_another_password(alice):
    app = App()
    got = app.tokens(browser_of(alice.email), scope="orders:read offline_access")
    User.objects.filter(pk=alice.pk).update(password=make_password("another horse battery"))

    assert app.refresh(got["refresh_token"]).json()["error"] == "invalid_grant"


def test_a_session_older_than_the_mark_takes_the_password_of_today(alice):
    app, browser = App(), browser_of(alice.email)
    Session.objects.update(password_mark="")

    assert app.tokens(browser)["scope"]


# Check and change are one ------------------------------------------------------------------------


def test_a_factor_that_came_meanwhile_is_asked_for(alice):
    first = caller(alice)
    stale = User.objects.get(pk=alice.pk)
    setup = totp.begin(stale)
    add_passkey(alice)

    with pytest.raises(NotRecent) as refused:
        totp.add(stale, setup=setup.signed, code=totp.pyotp.TOTP(setup.secret).now(), by=first)

    assert refused.value.acr_values == "aal2"
    assert not Totp.objects.exists()


def test_a_session_that_ended_meanwhile_changes_nothing(alice):
    by = caller(alice)
    sessions.end(Session.objects.all(), reason="log-out", by=SYSTEM)

    with pytest.raises(NotRecent):
        add_passkey(alice, by=by)


def test_staff_remove_a_factor_that_came_meanwhile(alice, root):
    admin = register("admin@example.com", PASSWORD, "Admin")
    admin.roles.add(Role.objects.get(name="admin"))
    stale = User.objects.get(pk=alice.pk)
    add_passkey(alice)

    assert remove_all([stale], by=Named(admin.sub, "web")) == 1
    assert not Passkey.objects.exists()
